// Dumps by hand, after LiME's own description of its format; none of a real machine is at hand.
#include "dump/lime.h"

#include "dump/physical_check.h"

namespace ntstack::dump {
namespace {

using building::counting;
using building::Data;
using building::view;
using building::warns;

TEST(Lime, GivesEachRangeAtItsAddress) {
  const Data file =
      building::lime_dump({{0x1000, counting(0x9e000, 1), 0}, {0x100000, counting(0x4001, 2), 0}});
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump) << dump.error().text();
  EXPECT_EQ(dump->kind, Kind::lime);
  EXPECT_EQ(dump->physical->copy(0x1000, 0x100000), counting(0x9e000, 1));
  EXPECT_EQ(dump->physical->copy(0x100000, 0x100000), counting(0x4001, 2));
  EXPECT_EQ(dump->physical->hole_end(0), 0x1000u);
  EXPECT_EQ(dump->physical_bytes, 0x9e000u + 0x4001u);
  EXPECT_EQ(dump->architecture, base::Architecture::unknown);
  EXPECT_TRUE(warns(*dump, "does not say of what processor it is, and no page tables"));
}

TEST(Lime, TheProcessorIsConcludedFromTablesThatMapThemselves) {
  const Data file = building::lime_dump({{0x1ad000, building::self_map_x64(0x1ad), 0}});
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->architecture, base::Architecture::x64);
  EXPECT_EQ(dump->directory_table_base, 0x1ad000u);
  EXPECT_TRUE(warns(*dump, "x64 was concluded from page tables that map themselves"));
}

TEST(Lime, TablesAboveTheFirstGigabyteAreFoundToo) {
  const Data file = building::lime_dump(
      {{0x1000, counting(0x9e000, 1), 0}, {0x7'8123'4000, building::self_map_x64(0x781234), 0}});
  const auto dump = parse(view(file));
  ASSERT_TRUE(dump);
  EXPECT_EQ(dump->architecture, base::Architecture::x64);
  EXPECT_EQ(dump->directory_table_base, 0x7'8123'4000u);
}

TEST(Lime, WhatStandsBeforeACutOrDamageIsUsed) {
  Data file =
      building::lime_dump({{0x1000, counting(0x1000, 1), 0}, {0x9000, counting(0x1000, 2), 0}});
  const auto cut = parse(view(file).clamp(0, file.size() - 0x700));
  ASSERT_TRUE(cut);
  EXPECT_TRUE(warns(*cut, "the last range has 0x900 bytes of 0x1000"));
  EXPECT_EQ(cut->physical->copy(0x9000, 0x1000).size(), 0x900u);
  file[0x1020] = std::byte{0};
  const auto damaged = parse(view(file));
  ASSERT_TRUE(damaged);
  EXPECT_TRUE(warns(*damaged, "at 0x1020"));
  EXPECT_TRUE(damaged->physical->view(0x9000, 1).empty());
  EXPECT_FALSE(parse(view(file).clamp(0, 0x20)));
}

}  // namespace
}  // namespace ntstack::dump
