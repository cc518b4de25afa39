// Memory put together of a dump's own and of pieces placed behind it.
#include "memory/address_space.h"

#include <gtest/gtest.h>

namespace ntstack::memory {
namespace {

base::SegmentSource source(std::uint64_t address, std::string_view text) {
  return base::SegmentSource({{address, base::Bytes::of(text)}});
}

std::string text_at(const base::ByteSource& memory, std::uint64_t address, std::size_t size) {
  const auto bytes = memory.copy(address, size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(AddressSpace, PlacedBytesStandBehindTheDumpsOwn) {
  const auto own = source(0x1004, "OWN!");
  AddressSpace space(&own);
  space.place(0x1000, base::Bytes::of("placed-later"));
  EXPECT_EQ(text_at(space, 0x1000, 12), "placOWN!ater");
}

TEST(AddressSpace, ReadsEndAtTheFirstHole) {
  AddressSpace space(nullptr);
  space.place(0x2000, base::Bytes::of("abc"));
  EXPECT_EQ(text_at(space, 0x2001, 10), "bc");
  EXPECT_EQ(text_at(space, 0x1fff, 10), "");
  EXPECT_FALSE(space.get<std::uint32_t>(0x2000));
}

TEST(AddressSpace, WhatStandsBehindItServesFromItsFirstAddressOn) {
  const auto own = source(0x3000, "own");
  const std::string session_bytes(0x3000, 's');
  AddressSpace space(&own);
  space.put_behind(std::make_unique<base::SegmentSource>(source(0x1000, session_bytes)), 0x2000);
  EXPECT_EQ(text_at(space, 0x1800, 4), "");  // below: another space's
  EXPECT_EQ(text_at(space, 0x2000, 2), "ss");
  EXPECT_EQ(text_at(space, 0x2fff, 5), "sowns");
  EXPECT_EQ(space.hole_end(0x1800), 0x2000u);
  EXPECT_EQ(space.hole_end(0x4000), UINT64_MAX);
}

TEST(AddressSpace, AHoleEndsWhereAnyOfItsPartsBegins) {
  const auto own = source(0x5000, "own");
  AddressSpace space(&own);
  EXPECT_EQ(space.hole_end(0x1000), 0x5000u);
  space.place(0x3000, base::Bytes::of("placed"));
  EXPECT_EQ(space.hole_end(0x1000), 0x3000u);
  EXPECT_EQ(space.hole_end(0x3006), 0x5000u);
}

TEST(AddressSpace, TheTopOfTheAddressSpaceDoesNotWrap) {
  AddressSpace space(nullptr);
  space.place(UINT64_MAX - 1, base::Bytes::of("abcd"));
  EXPECT_EQ(text_at(space, UINT64_MAX - 1, 4), "ab");
  EXPECT_EQ(text_at(space, 0, 4), "");
}

}  // namespace
}  // namespace ntstack::memory
