#include "pdb/inline_sites.h"

#include <gtest/gtest.h>

#include "pdb/pdb_builder.h"

namespace ntstack::pdb {
namespace {

using testing::Blob;
using testing::procedure_record;
using testing::record;

std::vector<InlinedRange> decode(const std::vector<std::uint8_t>& annotations) {
  return decode_annotations(base::Bytes::of(std::span<const std::uint8_t>(annotations)),
                            {0x1000, 8, 100}, 0x80);
}

Blob site(std::uint32_t id, const std::vector<std::uint8_t>& annotations) {
  Blob fields;
  fields.u32(0).u32(0).u32(id);
  for (const std::uint8_t each : annotations) fields.u8(each);
  return record(S_INLINESITE, fields);
}

// As Microsoft's compiler writes them: a line, then a length with the step to the code.
TEST(BinaryAnnotations, LengthAndOffsetMakeARangeOfTheirOwn) {
  const auto ranges = decode({0x06, 0x08, 0x0c, 0x05, 0x04, 0x06, 0x04, 0x0c, 0x05, 0x09, 0x00});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].begin, 4U);
  EXPECT_EQ(ranges[0].end, 9U);
  EXPECT_EQ(ranges[0].line, 104U);
  EXPECT_EQ(ranges[1].begin, 0xdU);
  EXPECT_EQ(ranges[1].end, 0x12U);
  EXPECT_EQ(ranges[1].line, 106U);
}

TEST(BinaryAnnotations, ARangeEndsWhereTheNextBeginsAndTheLastWithTheProcedure) {
  const auto ranges = decode({0x03, 0x10, 0x0b, 0x24});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].end, 0x14U);
  EXPECT_EQ(ranges[1].begin, 0x14U);
  EXPECT_EQ(ranges[1].line, 101U);
  EXPECT_EQ(ranges[1].end, 0x80U);
}

TEST(BinaryAnnotations, ALengthMovesOnBehindTheRange) {
  const auto ranges = decode({0x03, 0x10, 0x04, 0x08, 0x03, 0x04});
  ASSERT_EQ(ranges.size(), 2U);
  EXPECT_EQ(ranges[0].end, 0x18U);
  EXPECT_EQ(ranges[1].begin, 0x1cU);
}

TEST(BinaryAnnotations, LinesGoBackFilesChangeAndNumbersHaveThreeSizes) {
  const auto ranges = decode({0x05, 0x81, 0x02, 0x06, 0x07, 0x03, 0xc0, 0x00, 0x00, 0x05});
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].file, 0x102U);
  EXPECT_EQ(ranges[0].line, 97U);
  EXPECT_EQ(ranges[0].begin, 5U);
}

TEST(BinaryAnnotations, WhatIsNotKnownEndsThem) {
  EXPECT_EQ(decode({0x03, 0x10, 0x3f, 0x10, 0x03, 0x10}).size(), 1U);
  EXPECT_EQ(decode({0x03}).size(), 0U);
  EXPECT_EQ(decode({0xff, 0xff}).size(), 0U);
}

TEST(InlineTree, ASiteCountsOnlyInsideTheOneAround) {
  const Blob symbols = Blob()
                           .u32(4)
                           .add(procedure_record(0, 0x80, "f", 0x7fff))
                           .add(site(1, {0x0c, 0x20, 0x10}))  // [0x10, 0x30)
                           .add(site(2, {0x0c, 0x40, 0x20}))  // [0x20, 0x60)
                           .add(record(S_INLINESITE_END, {}))
                           .add(record(S_INLINESITE_END, {}))
                           .add(site(3, {0x0c, 0x08, 0x50}))  // [0x50, 0x58)
                           .add(record(S_INLINESITE_END, {}));
  const ModuleSymbols module(symbols.bytes());
  const InlineTree tree(module, ModuleLines(), 4);
  EXPECT_EQ(tree.at(0x0f).size(), 0U);
  ASSERT_EQ(tree.at(0x10).size(), 1U);
  ASSERT_EQ(tree.at(0x24).size(), 2U);
  EXPECT_EQ(tree.at(0x24)[0].id, 1U);
  EXPECT_EQ(tree.at(0x24)[1].id, 2U);
  EXPECT_EQ(tree.at(0x40).size(), 0U);
  ASSERT_EQ(tree.at(0x57).size(), 1U);
  EXPECT_EQ(tree.at(0x57)[0].id, 3U);
}

TEST(InlineTree, SitesWithinSitesWithoutEndAreCutOff) {
  Blob symbols = Blob().u32(4).add(procedure_record(0, 0x80, "f", 0x7fffffff));
  for (int i = 0; i < 20000; ++i) symbols.add(site(1, {0x0c, 0x20, 0x10}));
  const ModuleSymbols module(symbols.bytes());
  const InlineTree tree(module, ModuleLines(), 4);
  EXPECT_LE(tree.at(0x10).size(), 1000U);
  EXPECT_GE(tree.at(0x10).size(), 10U);
}

TEST(InlineTree, EndsWithTheProcedureAndBeforeTheNext) {
  const Blob symbols = Blob()
                           .u32(4)
                           .add(procedure_record(0, 0x80, "f", 0x7fff))
                           .add(procedure_record(0x80, 0x80, "g", 0x7fff))
                           .add(site(1, {0x0c, 0x20, 0x10}));
  const ModuleSymbols module(symbols.bytes());
  EXPECT_EQ(InlineTree(module, ModuleLines(), 4).at(0x10).size(), 0U);
  EXPECT_EQ(InlineTree(module, ModuleLines(), 0xffffff).at(0x10).size(), 0U);
}

}  // namespace
}  // namespace ntstack::pdb
