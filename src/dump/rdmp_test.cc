#include "dump/rdmp.h"

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::Data;
using building::expect_pages;
using building::PhysicalBuilder;
using building::view;
using building::warns;

PhysicalBuilder builder_of(std::uint32_t type) {
  PhysicalBuilder builder;
  builder.header.dump_type = type;
  builder.pages = building::pages_of({1, 2, 3, 0x1000, 0x1002, 0x1003, 0x98765432});
  return builder;
}

TEST(Rdmp, GivesEveryPageAtItsPlaceInEveryKind) {
  for (const std::uint32_t type : {8u, 9u, 10u}) {
    const PhysicalBuilder builder = builder_of(type);
    const Data file = builder.build();
    const auto dump = parse(view(file));
    ASSERT_TRUE(dump) << dump.error().text();
    EXPECT_EQ(dump->kind, Kind::rdmp);
    EXPECT_EQ(dump->dump_type, type);
    expect_pages(dump->physical.get(), builder.pages);
    EXPECT_TRUE(dump->warnings.empty()) << dump->warnings[0];
  }
}

TEST(Rdmp, ACompleteDumpMayHavePageZero) {
  PhysicalBuilder builder = builder_of(10);
  builder.pages[0] = building::page_of(0);
  const Data file = builder.build();
  expect_pages(parse(view(file))->physical.get(), builder.pages);
}

TEST(Rdmp, OfACutFileThePagesThatAreThereAreServed) {
  building::expect_cuts_to_serve_what_is_there(builder_of(9));
  building::expect_cuts_to_serve_what_is_there(builder_of(10));
}

TEST(Rdmp, AHeaderThatIsDamagedIsRefusedOrWarnedOf) {
  const Data file = builder_of(8).build();
  EXPECT_FALSE(parse(view(file).clamp(0, 0x202f)));
  building::File moved;
  moved.bytes(0, view(file));
  moved.put64(0x2018, 0x2000);
  const Data inside = moved.take();
  const auto refused = parse(view(inside));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("inside the header"), std::string::npos);

  building::File other;
  other.bytes(0, view(file));
  other.put64(0x2010, 0x10);
  const Data metadata = other.take();
  const auto dump = parse(view(metadata));
  ASSERT_TRUE(dump);
  EXPECT_TRUE(warns(*dump, "the first page's place is followed"));
  expect_pages(dump->physical.get(), builder_of(8).pages);
}

}  // namespace
}  // namespace ntstack::dump
