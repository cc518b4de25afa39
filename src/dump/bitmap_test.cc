#include "dump/bitmap.h"

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::expect_pages;
using building::PhysicalBuilder;
using building::view;

PhysicalBuilder builder_of(bool is_64_bit, std::uint32_t type, bool old_counts = false) {
  PhysicalBuilder builder;
  builder.header.is_64_bit = is_64_bit;
  builder.header.machine = is_64_bit ? 0x8664 : 0x14c;
  builder.header.dump_type = type;
  builder.old_counts = old_counts;
  builder.pages = building::pages_of({0, 1, 7, 8, 62, 63, 64, 65, 511, 512, 513, 5000, 99999});
  return builder;
}

void expect_all(const PhysicalBuilder& builder, Kind kind) {
  const Data file = builder.build();
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->kind, kind);
  EXPECT_EQ(dump->dump_type, builder.header.dump_type);
  expect_pages(dump->physical.get(), builder.pages);
  EXPECT_EQ(dump->physical_bytes, builder.pages.size() * 0x1000);
  EXPECT_TRUE(dump->warnings.empty()) << dump->warnings[0];
}

TEST(Bitmap, GivesEveryPageAtItsPlaceInEveryKind) {
  for (const bool is_64_bit : {true, false}) {
    for (const std::uint32_t type : {5u, 6u, 7u}) {
      expect_all(builder_of(is_64_bit, type), Kind::bitmap);
    }
  }
}

TEST(Bitmap, BitsBehindTheLastPageDontCount) {
  for (const std::uint64_t bits : {100000u, 100001u, 100007u}) {
    PhysicalBuilder builder = builder_of(true, 6);
    builder.bit_count = bits;
    builder.behind_bits = 0xff;
    expect_all(builder, Kind::bitmap);
  }
}

TEST(Bitmap, ALiveDumpOfFewPagesIsAsGoodAsAny) {
  PhysicalBuilder builder = builder_of(true, 6);
  builder.header.attributes = attribute_live_dump;
  builder.pages = building::pages_of({0x12345, 0x12346});
  expect_all(builder, Kind::bitmap);
  builder.pages.clear();
  expect_all(builder, Kind::bitmap);
}

TEST(Bitmap, AnUnknownKindOfDumpWithABitmapIsRead) {
  expect_all(builder_of(true, 77), Kind::bitmap);
}

TEST(Bitmap, OfACutFileThePagesThatAreThereAreServed) {
  building::expect_cuts_to_serve_what_is_there(builder_of(true, 5));
  building::expect_cuts_to_serve_what_is_there(builder_of(false, 6));
  building::expect_cuts_to_serve_what_is_there(builder_of(true, 2, true));
}

TEST(Bitmap, AFileCutInsideTheBitmapSaysSo) {
  const Data file = builder_of(true, 5).build();
  const auto dump = parse(view(file).clamp(0, 0x2100));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_TRUE(building::warns(*dump, "cut off inside its list of pages"));
  EXPECT_EQ(dump->physical_bytes, 0u);
  EXPECT_FALSE(parse(view(file).clamp(0, 0x2037)));
}

TEST(Bitmap, CountsThatMakeNoSenseAreRefusedInWords) {
  const std::pair<std::uint64_t, std::uint64_t> places[] = {
      {0x2020, 0}, {0x2020, 0x2038}, {0x2030, 0}, {0x2030, UINT64_MAX}, {0x2030, 1ull << 40}};
  for (const auto& [at, value] : places) {
    building::File file;
    file.bytes(0, view(builder_of(true, 5).build()));
    file.put64(at, value);
    const Data bytes = file.take();
    const auto dump = parse(view(bytes));
    ASSERT_FALSE(dump) << at << " " << value;
    EXPECT_NE(dump.error().text().find("list of pages makes no sense"), std::string::npos);
  }
}

// The layout is the WDK's SUMMARY_DUMP32 and 64; no such dump of a real machine is at hand.
TEST(Summary, GivesEveryPageAtItsPlaceInBothWidths) {
  expect_all(builder_of(true, 2, true), Kind::summary);
  expect_all(builder_of(false, 2, true), Kind::summary);
}

TEST(Summary, TheLayoutIsToldByWhatTheFieldsSayAndNotByTheTypeAlone) {
  expect_all(builder_of(true, 2, false), Kind::bitmap);
  expect_all(builder_of(false, 2, false), Kind::bitmap);
  expect_all(builder_of(true, 6, true), Kind::summary);
}

}  // namespace
}  // namespace ntstack::dump
