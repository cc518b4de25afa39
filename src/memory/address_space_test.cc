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

TEST(AddressSpace, TheTopOfTheAddressSpaceDoesNotWrap) {
  AddressSpace space(nullptr);
  space.place(UINT64_MAX - 1, base::Bytes::of("abcd"));
  EXPECT_EQ(text_at(space, UINT64_MAX - 1, 4), "ab");
  EXPECT_EQ(text_at(space, 0, 4), "");
}

}  // namespace
}  // namespace ntstack::memory
