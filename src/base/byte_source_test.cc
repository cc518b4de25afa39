// Memory with holes: pieces, overlaps, layers and the ends of the address space.
#include "base/byte_source.h"

#include <gtest/gtest.h>

namespace ntstack::base {
namespace {

std::string text_at(const ByteSource& memory, std::uint64_t address, std::size_t size) {
  const auto bytes = memory.copy(address, size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(SegmentSource, ReadsAcrossNeighboursAndStopsAtHoles) {
  const SegmentSource source(
      {{0x2000, Bytes::of("cd")}, {0x1ffe, Bytes::of("ab")}, {0x2004, Bytes::of("x")}});
  EXPECT_EQ(text_at(source, 0x1ffe, 8), "abcd");
  EXPECT_EQ(text_at(source, 0x2002, 8), "");
  EXPECT_EQ(source.hole_end(0x2002), 0x2004u);
  EXPECT_EQ(source.hole_end(0x2005), UINT64_MAX);
}

TEST(SegmentSource, OverlapsKeepTheLowerPieceAndTheRestOfTheOther) {
  const SegmentSource source(
      {{0x1000, Bytes::of("AAAA")}, {0x1002, Bytes::of("bbbb")}, {0x1001, Bytes::of("c")}});
  EXPECT_EQ(text_at(source, 0x1000, 16), "AAAAbb");
  EXPECT_EQ(source.segments().size(), 2u);
}

TEST(SegmentSource, PiecesPastTheEndOfTheAddressSpaceAreCut) {
  const SegmentSource source({{UINT64_MAX - 1, Bytes::of("abcdef")}, {0, Bytes::of("zero")}});
  EXPECT_EQ(text_at(source, UINT64_MAX - 1, 8), "ab");
  EXPECT_EQ(text_at(source, 0, 8), "zero");
}

TEST(SegmentSource, ValuesNeedAllTheirBytes) {
  const SegmentSource source({{0x1000, Bytes::of("\x01\x02\x03\x04")}});
  EXPECT_EQ(source.get<std::uint32_t>(0x1000), 0x04030201u);
  EXPECT_FALSE(source.get<std::uint32_t>(0x1001));
  EXPECT_EQ(source.pointer(0x1000, false), 0x04030201u);
  EXPECT_FALSE(source.pointer(0x1000, true));
}

TEST(LayeredSource, TheFirstWinsAndTheSecondFillsItsHoles) {
  const SegmentSource first({{0x1004, Bytes::of("FIRST")}});
  const SegmentSource second({{0x1000, Bytes::of("second-second")}});
  const LayeredSource both(&first, &second);
  EXPECT_EQ(text_at(both, 0x1000, 32), "secoFIRSTcond");
  EXPECT_EQ(both.view(0x1000, 32).size(), 4u);
  EXPECT_EQ(both.hole_end(0x0), 0x1000u);
}

// Its holes' ends are not asked for: in page tables of a stranger each may cost much.
class NeverThere : public ByteSource {
 public:
  std::size_t read(std::uint64_t, std::span<std::byte>) const override { return 0; }
  std::uint64_t hole_end(std::uint64_t) const override {
    ADD_FAILURE() << "the end of a hole was asked for in vain";
    return UINT64_MAX;
  }
};

TEST(LayeredSource, WhatIsInNeitherCostsNoLookForAHolesEnd) {
  const NeverThere first;
  const SegmentSource second({{0x1000, Bytes::of("second")}});
  for (const LayeredSource& both :
       {LayeredSource(&first, &second), LayeredSource(&first, nullptr)}) {
    EXPECT_FALSE(both.get<std::uint16_t>(0x2000));
    EXPECT_TRUE(both.view(0x2000, 8).empty());
  }
}

}  // namespace
}  // namespace ntstack::base
