#include "dump/full.h"

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::expect_pages;
using building::PhysicalBuilder;
using building::view;
using building::warns;

PhysicalBuilder builder_of(bool is_64_bit) {
  PhysicalBuilder builder;
  builder.header.is_64_bit = is_64_bit;
  builder.header.machine = is_64_bit ? 0x8664 : 0x14c;
  builder.header.dump_type = 1;
  builder.pages = building::pages_of({0, 1, 2, 0x9f, 0x100, 0x101, 0xffffe, 0xfffff});
  return builder;
}

TEST(Full, GivesEveryPageAtItsPlaceInBothWidths) {
  for (const bool is_64_bit : {true, false}) {
    const PhysicalBuilder builder = builder_of(is_64_bit);
    const Data file = builder.build();
    const auto dump = parse(view(file));
    ASSERT_TRUE(dump) << dump.error().text();
    EXPECT_EQ(dump->kind, Kind::full);
    EXPECT_EQ(dump->dump_type, 1u);
    EXPECT_EQ(dump->memory, nullptr);
    expect_pages(dump->physical.get(), builder.pages);
    EXPECT_EQ(dump->physical_bytes, 8 * 0x1000u);
    EXPECT_TRUE(dump->warnings.empty()) << dump->warnings[0];
    EXPECT_EQ(dump->directory_table_base, 0x1ad000u);
  }
}

TEST(Full, ThePaeFlagIsCarried) {
  for (const bool pae : {true, false}) {
    PhysicalBuilder builder = builder_of(false);
    builder.pae = pae;
    const Data file = builder.build();
    const auto dump = parse(view(file));
    ASSERT_TRUE(dump);
    EXPECT_EQ(dump->pae, pae);
    EXPECT_EQ(dump->architecture, base::Architecture::x86);
  }
}

TEST(Full, OfACutFileThePagesThatAreThereAreServed) {
  building::expect_cuts_to_serve_what_is_there(builder_of(true));
  building::expect_cuts_to_serve_what_is_there(builder_of(false));
}

TEST(Full, SecondaryDataFollowsTheLastPage) {
  const PhysicalBuilder builder = builder_of(true);
  building::File file;
  file.bytes(0, view(builder.build()));
  file.append(base::Bytes::of("DumpBlob"));
  file.put32(file.size(), 0x10);
  file.put32(file.size(), 0xf0004a61);
  const std::uint32_t at = file.size();
  file.put32(at, 0x20);
  file.put(at + 4, base::Guid{1, 2, 3, {4}});
  file.put32(at + 0x14, 5);
  file.put64(at + 0x18, 0);
  file.append(base::Bytes::of("hello"));
  const Data bytes = file.take();
  const auto dump = parse(view(bytes));
  ASSERT_TRUE(dump);
  ASSERT_EQ(dump->secondary.size(), 1u);
  EXPECT_EQ(dump->secondary[0].bytes.text(0), "hello");
  expect_pages(dump->physical.get(), builder.pages);
}

TEST(Full, RunsThatNoMachineHasAreLeftOut) {
  const auto with_run = [](std::uint64_t first, std::uint64_t count) {
    building::File file;
    file.bytes(0, view(builder_of(true).build()));
    file.put64(0x98, first);
    file.put64(0xa0, count);
    return file.take();
  };
  for (const std::uint64_t first : {UINT64_MAX, std::uint64_t{1} << 52, std::uint64_t{1} << 40}) {
    const Data file = with_run(first, 3);
    const auto dump = parse(view(file));
    ASSERT_TRUE(dump);
    EXPECT_TRUE(dump->physical->view(0, 1).empty());
    // The runs behind it keep their places.
    EXPECT_EQ(dump->physical->copy(0x9f000, 0x1000), building::page_of(0x9f));
    EXPECT_TRUE(warns(*dump, "are not in it"));
  }
  const Data endless = with_run(0, UINT64_MAX);
  const auto dump = parse(view(endless));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->physical_bytes, 8 * 0x1000u);
  EXPECT_TRUE(warns(*dump, "are not in it"));
}

TEST(Full, ACountOfRunsThatTheHeaderCannotHoldIsBoundByIt) {
  building::File file;
  file.bytes(0, view(builder_of(true).build()));
  file.put32(0x88, 0xffffffff);
  const Data bytes = file.take();
  const auto dump = parse(view(bytes));
  ASSERT_TRUE(dump);
  EXPECT_TRUE(warns(*dump, "42 of 4294967295 runs"));
}

TEST(Full, AHeaderWithoutRunsSaysSo) {
  building::File file;
  file.bytes(0, view(builder_of(true).build()));
  file.fill_unset(0x88, 0x348);
  const Data bytes = file.take();
  const auto dump = parse(view(bytes));
  ASSERT_TRUE(dump);
  EXPECT_TRUE(warns(*dump, "does not list the physical memory"));
  EXPECT_EQ(dump->physical->hole_end(0), UINT64_MAX);
}

}  // namespace
}  // namespace ntstack::dump
