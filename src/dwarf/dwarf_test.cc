// DWARF by hand, sound and hostile: that it is read, and that what would make a reader loop,
// recurse or allocate without end is refused. Real compilers' DWARF is read in tests/oracle_dwarf.
#include "dwarf/dwarf.h"

#include <gtest/gtest.h>

#include "image_builder.h"

namespace ntstack::dwarf {
namespace {

using tests::ByteWriter;

constexpr std::uint64_t kBase = 0x140000000;

// An x64 image with these sections; their names stand in the string table behind all else.
std::vector<std::byte> image_of(std::vector<std::pair<std::string, ByteWriter>> sections) {
  tests::ImageBuilder builder;
  builder.image_base = kBase;
  builder.section(".text", 0x1000, ByteWriter().pad_to(0x100));
  ByteWriter names;
  names.add<std::uint32_t>(0);
  std::uint32_t rva = 0x2000;
  for (const auto& [name, bytes] : sections) {
    builder.section("/" + std::to_string(names.size()), rva, bytes);
    rva += 0x1000;
    names.text(name);
  }
  std::vector<std::byte> file = builder.file();
  builder.symbol_table_offset = static_cast<std::uint32_t>(file.size());
  file = builder.file();
  file.insert(file.end(), names.bytes().begin(), names.bytes().end());
  return file;
}

// 1: a unit with code and lines; 2: a function with a name and code; 3: a block with more inside.
ByteWriter abbreviations() {
  ByteWriter out;
  out.u8({1, 0x11, 1, 0x11, 0x01, 0x12, 0x06, 0x10, 0x17, 0, 0});
  out.u8({2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0});
  out.u8({3, 0x0b, 1, 0, 0});
  return out.u8({0});
}

// A unit of DWARF 4 around DIEs.
ByteWriter unit_of(const ByteWriter& dies, std::uint32_t abbreviations_at = 0) {
  ByteWriter out;
  out.add(static_cast<std::uint32_t>(7 + dies.size()));
  out.add(std::uint16_t{4}).add(abbreviations_at).u8({8});
  return out.append(dies.bytes());
}

// The unit's own DIE: its code is [0x1000, 0x1100).
ByteWriter& add_unit_die(ByteWriter& out, std::uint32_t lines_at = 0) {
  return out.u8({1}).add(kBase + 0x1000).add(std::uint32_t{0x100}).add(lines_at);
}

ByteWriter& add_function(ByteWriter& out, const char* name, std::uint64_t address,
                         std::uint32_t size) {
  return out.u8({2}).text(name).add(address).add(size);
}

struct Opened {
  std::vector<std::byte> file;
  std::optional<pe::Image> image;
  std::optional<Dwarf> dwarf;
};
Opened open(std::vector<std::pair<std::string, ByteWriter>> sections) {
  Opened opened{image_of(std::move(sections)), {}, {}};
  auto image = pe::Image::from_file(base::Bytes(std::span<const std::byte>(opened.file)));
  if (!image) return opened;
  opened.image = std::move(*image);
  if (auto dwarf = Dwarf::open(*opened.image)) opened.dwarf.emplace(std::move(*dwarf));
  return opened;
}

class DwarfByHand : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_read_dwarf()) GTEST_SKIP() << "this build reads no DWARF";
  }
};

TEST_F(DwarfByHand, AFunctionIsFoundInAUnitWithoutLines) {
  ByteWriter dies;
  add_unit_die(dies);
  add_function(dies, "first", kBase + 0x1010, 0x20).u8({0});
  add_function(dies, "second", kBase + 0x1040, 0x10).u8({0, 0});
  const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", abbreviations()}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_EQ(opened.dwarf->function_at(0x1015)->name, "first");
  EXPECT_EQ(opened.dwarf->function_at(0x1015)->rva, 0x1010u);
  EXPECT_EQ(opened.dwarf->function_at(0x104f)->name, "second");
  EXPECT_FALSE(opened.dwarf->function_at(0x1050));
  EXPECT_FALSE(opened.dwarf->line_at(0x1015));
  EXPECT_EQ(opened.dwarf->rva_of("second"), 0x1040u);
}

// The library would go on reading where the length leads.
TEST_F(DwarfByHand, ABlockThatIsLongerThanItsSectionIsNotSkipped) {
  for (const std::uint8_t form : {0x09, 0x18}) {  // block, exprloc
    for (const bool is_unit_die : {false, true}) {
      ByteWriter kinds;
      kinds.u8({1, 0x11, 1, 0x11, 0x01, 0x12, 0x06, 0x10, 0x17, 0, 0});
      // Of length, then what is read behind it.
      kinds.u8({2, is_unit_die ? std::uint8_t{0x11} : std::uint8_t{0x2e}, 0, 0x40, form, 0x3b, 0x0f,
                0x03, 0x08, 0, 0, 0});
      ByteWriter dies;
      if (!is_unit_die) add_unit_die(dies);
      dies.u8({2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0});
      const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", kinds}});
      ASSERT_TRUE(opened.dwarf);
      EXPECT_FALSE(opened.dwarf->function_at(0x1015));
      EXPECT_FALSE(opened.dwarf->rva_of("first"));
      EXPECT_FALSE(opened.dwarf->warnings().empty());
    }
  }
}

TEST_F(DwarfByHand, CodeThatTheLinkerTookAwayOrThatLiesOutsideHasNoName) {
  ByteWriter dies;
  add_unit_die(dies);
  add_function(dies, "gone", 0, 0x2000).u8({0});
  add_function(dies, "outside", kBase + 0x10000, 0x20).u8({0});
  add_function(dies, "endless", kBase + 0x1080, 0xffffffff).u8({0, 0});
  const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", abbreviations()}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_FALSE(opened.dwarf->function_at(0x1015));
  EXPECT_FALSE(opened.dwarf->rva_of("outside"));
  const auto endless = opened.dwarf->function_at(0x1090);
  ASSERT_TRUE(endless);
  EXPECT_EQ(endless->rva + endless->size, opened.image->size_of_image());
}

TEST_F(DwarfByHand, BlocksWithinBlocksMayNestAsDeepAsTheFile) {
  ByteWriter dies;
  add_unit_die(dies);
  add_function(dies, "deep", kBase + 0x1000, 0x100);
  for (int i = 0; i < 200000; ++i) dies.u8({3});
  const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", abbreviations()}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_EQ(opened.dwarf->function_at(0x1015)->name, "deep");
}

TEST_F(DwarfByHand, CodesOutOfOrderByTheThousandAreRefused) {
  ByteWriter codes;
  for (int i = 2000; i > 0; --i) codes.u8({0x80 | (i & 0x7f), i >> 7, 0x0b, 1, 0, 0});
  codes.u8({0});
  ByteWriter dies;
  add_unit_die(dies);
  const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", codes}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_FALSE(opened.dwarf->function_at(0x1015));
  EXPECT_FALSE(opened.dwarf->warnings().empty());
}

// Each unit names another offset into one long set: all of them together would be read as many
// times as there are units.
TEST_F(DwarfByHand, SetsOfCodesThatOverlapAreNotReadWithoutEnd) {
  ByteWriter codes;
  for (int i = 0; i < 3000; ++i) codes.u8({1, 0x0b, 1, 0, 0});
  codes.u8({0});
  ByteWriter units;
  for (std::uint32_t i = 0; i < 2000; ++i)
    units.append(unit_of(ByteWriter().u8({1, 0}), i * 5).bytes());
  const Opened opened = open({{".debug_info", units}, {".debug_abbrev", codes}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_FALSE(opened.dwarf->function_at(0x1015));
  const auto warnings = opened.dwarf->warnings();
  EXPECT_FALSE(warnings.empty());
  EXPECT_LE(warnings.size(), 16u);
}

// DWARF 5, 6.2.4: a table of 2^60 folders that take no bytes.
TEST_F(DwarfByHand, CountsOfFoldersWithoutBytesAreRefused) {
  ByteWriter program;
  program.add(std::uint16_t{5}).u8({8, 0});
  const ByteWriter tables = ByteWriter().u8(
      {1, 1, 1, 0xfb, 14, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0});
  program.add(static_cast<std::uint32_t>(tables.size())).append(tables.bytes());
  ByteWriter lines;
  lines.add(static_cast<std::uint32_t>(program.size())).append(program.bytes());
  ByteWriter dies;
  add_unit_die(dies);
  add_function(dies, "f", kBase + 0x1010, 0x20).u8({0, 0});
  const Opened opened = open(
      {{".debug_info", unit_of(dies)}, {".debug_abbrev", abbreviations()}, {".debug_line", lines}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_EQ(opened.dwarf->function_at(0x1015)->name, "f");
  EXPECT_FALSE(opened.dwarf->line_at(0x1015));
}

// 4: a structure with a name; 5: a member without one; 6: a typedef; each of a type at an offset.
TEST_F(DwarfByHand, TypesThatConsistOfThemselvesEnd) {
  ByteWriter codes = abbreviations();
  ByteWriter more;
  more.append(std::span(codes.bytes()).first(codes.size() - 1));
  more.u8({4, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0, 0});
  more.u8({5, 0x0d, 0, 0x49, 0x13, 0x38, 0x0b, 0, 0});
  more.u8({6, 0x16, 0, 0x03, 0x08, 0x49, 0x13, 0, 0, 0});
  ByteWriter dies;
  add_unit_die(dies);
  const auto structure_at = static_cast<std::uint32_t>(11 + dies.size());
  dies.u8({4}).text("_SELF").u8({8});
  dies.u8({5}).add(structure_at).u8({4});
  const auto typedef_at = static_cast<std::uint32_t>(11 + dies.size() + 5 + 1 + 1);
  dies.u8({5}).add(typedef_at).u8({0, 0});
  dies.u8({6}).text("LOOP").add(typedef_at).u8({0});
  const Opened opened = open({{".debug_info", unit_of(dies)}, {".debug_abbrev", more}});
  ASSERT_TRUE(opened.dwarf);
  const auto structure = opened.dwarf->structure("_SELF");
  ASSERT_TRUE(structure);
  EXPECT_EQ(structure->size, 8u);
  EXPECT_TRUE(structure->fields.empty());
  EXPECT_EQ(opened.dwarf->type_name(typedef_at), "LOOP");
  EXPECT_FALSE(opened.dwarf->size_of(typedef_at));
}

TEST_F(DwarfByHand, WhatIsBehindADamagedUnitIsLeftOutAndSaidToBe) {
  ByteWriter dies;
  add_unit_die(dies);
  add_function(dies, "f", kBase + 0x1010, 0x20).u8({0, 0});
  ByteWriter units = unit_of(dies);
  units.add(std::uint32_t{0x7fffffff}).append(unit_of(dies).bytes());
  const Opened opened = open({{".debug_info", units}, {".debug_abbrev", abbreviations()}});
  ASSERT_TRUE(opened.dwarf);
  EXPECT_EQ(opened.dwarf->function_at(0x1015)->name, "f");
  ASSERT_FALSE(opened.dwarf->warnings().empty());
  EXPECT_NE(opened.dwarf->warnings()[0].find("damaged"), std::string::npos);
}

TEST(DwarfSections, AnImageWithoutThemHasNoDwarf) {
  const Opened opened = open({{".debug_frame", ByteWriter().u8({1, 2, 3})}});
  ASSERT_TRUE(opened.image);
  EXPECT_FALSE(has_dwarf(*opened.image));
  EXPECT_FALSE(opened.dwarf);
}

TEST(DwarfSections, ADebugLinkHasANameAndAChecksum) {
  ByteWriter link;
  link.text("a.debug").add(std::uint32_t{0xcbf43926});
  const Opened opened = open({{".gnu_debuglink", link}});
  const auto found = debug_link(*opened.image);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->file_name, "a.debug");
  // The check value that CRC-32 is known by.
  EXPECT_EQ(found->crc, crc32_of(base::Bytes::of(std::string_view("123456789"))));
  EXPECT_FALSE(debug_link(*open({{".gnu_debuglink", ByteWriter().u8({'a'})}}).image));
}

}  // namespace
}  // namespace ntstack::dwarf
