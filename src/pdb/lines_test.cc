#include "pdb/lines.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::lines_subsection;
using testing::subsection;

std::uint32_t line_at(ModuleLines& lines, std::uint32_t offset) {
  const auto found = lines.find({1, offset});
  return found ? found->line : 0;
}

TEST(ModuleLines, ALineCoversItsCodeUpToTheNext) {
  const Blob blob = lines_subsection(0x100, 0x20, 0, {{0, 10}, {4, 11}, {0x10, 12}});
  ModuleLines lines(blob.bytes());
  EXPECT_EQ(line_at(lines, 0xff), 0U);
  EXPECT_EQ(line_at(lines, 0x100), 10U);
  EXPECT_EQ(line_at(lines, 0x10f), 11U);
  EXPECT_EQ(line_at(lines, 0x11f), 12U);
  EXPECT_EQ(line_at(lines, 0x120), 0U);
  EXPECT_EQ(lines.find({1, 0x10f})->offset, 0x104U);
  EXPECT_FALSE(lines.find({2, 0x100}));
}

TEST(ModuleLines, OfSeveralLinesAtOneAddressTheLastHasTheCode) {
  const Blob blob = lines_subsection(0x100, 0x20, 0, {{0, 10}, {0, 11}, {8, 12}});
  ModuleLines lines(blob.bytes());
  EXPECT_EQ(line_at(lines, 0x100), 11U);
}

TEST(ModuleLines, MarkersNeverToStepInAreNoLines) {
  const Blob blob = lines_subsection(0x100, 0x20, 0, {{0, 0xfeefee}, {4, 11}, {8, 0xf00f00}});
  ModuleLines lines(blob.bytes());
  EXPECT_EQ(line_at(lines, 0x100), 0U);
  EXPECT_EQ(line_at(lines, 0x10c), 11U);
}

TEST(ModuleLines, ManyLinesInOnePieceAreFoundInAnyOrderWithColumns) {
  std::vector<testing::BuiltLine> many;
  for (std::uint32_t i = 5000; i-- > 0;) many.push_back({i * 4, i + 1});
  const Blob blob = lines_subsection(0, 20000, 0, many, true);
  ModuleLines lines(blob.bytes());
  for (std::uint32_t i = 0; i < 5000; ++i) EXPECT_EQ(line_at(lines, i * 4 + 3), i + 1);
}

TEST(ModuleLines, FilesAreNamedByTheChecksums) {
  const Blob strings = testing::name_table(Blob().text("").text("d:\\x\\y.c"));
  const Blob blob = Blob()
                        .add(subsection(0xf4, Blob().u32(0).u8(0).u8(0).u16(0).u32(1).u8(0).u8(0)))
                        .add(lines_subsection(0, 8, 8, {{0, 3}}));
  ModuleLines lines(blob.bytes());
  const NameTable names(strings.bytes());
  EXPECT_EQ(lines.file_name(lines.find({1, 0})->file, names), "d:\\x\\y.c");
  EXPECT_EQ(lines.file_name(1000, names), "");
}

TEST(ModuleLines, CountsPastTheEndAreNotFollowed) {
  Blob blob = lines_subsection(0x100, 0x20, 0, {{0, 10}, {4, 11}});
  blob.set_u32(8 + 12 + 4, 0xffffffff);
  ModuleLines lines(blob.bytes());
  EXPECT_EQ(line_at(lines, 0x100), 0U);
  const Blob whole = lines_subsection(0x100, 0x20, 0, {{0, 10}, {4, 11}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ModuleLines cut(whole.bytes().clamp(0, size));
    EXPECT_EQ(line_at(cut, 0x100), 0U);
  }
}

TEST(ModuleLines, IdsOfOtherModulesAreFoundByImportAndPlace) {
  const Blob blob =
      Blob()
          .add(subsection(
              0xf7, Blob().u32(5).u32(1).u32(0x1010).u32(9).u32(2).u32(0x80001111).u32(0x80002222)))
          .add(subsection(0xf8, Blob().u32(0x80002222).u32(0x1234).u32(0x1010).u32(7)));
  const ModuleLines lines(blob.bytes());
  EXPECT_EQ(lines.imported(0x80000000)->local_id, 0x1010U);
  EXPECT_EQ(lines.imported(0x80100001)->module_name, 9U);
  EXPECT_EQ(lines.imported(0x80100001)->local_id, 0x80002222U);
  EXPECT_FALSE(lines.imported(0x80100002));
  EXPECT_FALSE(lines.imported(0x80200000));
  EXPECT_FALSE(lines.imported(0x1010));
  EXPECT_EQ(lines.exported(0x80002222), 0x1234U);
  EXPECT_EQ(lines.exported(0x1010), 7U);
  EXPECT_FALSE(lines.exported(0x1011));
}

TEST(ModuleLines, InlineesWithMoreFilesAreRead) {
  const Blob blob = subsection(
      0xf6,
      Blob().u32(1).u32(0x1002).u32(8).u32(20).u32(2).u32(1).u32(2).u32(0x1001).u32(0).u32(30).u32(
          0));
  const ModuleLines lines(blob.bytes());
  ASSERT_NE(lines.inlinee(0x1001), nullptr);
  EXPECT_EQ(lines.inlinee(0x1001)->line, 30U);
  EXPECT_EQ(lines.inlinee(0x1002)->file, 8U);
  EXPECT_EQ(lines.inlinee(0x1003), nullptr);
}

}  // namespace
}  // namespace ntstack::pdb
