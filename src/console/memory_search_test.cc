// Searches against a plain comparison at every place.
#include "console/memory_search.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

std::vector<std::byte> bytes_of(std::size_t size, unsigned seed) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<std::byte>(seed >> 30);  // four values: patterns occur often
  }
  return bytes;
}

std::vector<std::uint64_t> found(const base::ByteSource& memory, const SearchRange& range,
                                 const std::vector<std::byte>& pattern) {
  std::vector<std::uint64_t> places;
  EXPECT_TRUE(search_memory(memory, range, pattern, [&](std::uint64_t at) {
    places.push_back(at);
    return true;
  }));
  return places;
}

TEST(MemorySearch, FindsWhatAComparisonAtEveryPlaceFinds) {
  constexpr std::uint64_t first = 0xffff800000001003, second = 0xffffa00000000010;
  const std::vector<std::byte> low = bytes_of(0x25000, 1), high = bytes_of(0x13001, 2);
  const base::SegmentSource memory(
      {{first, base::Bytes(std::span(low))}, {second, base::Bytes(std::span(high))}});
  const std::vector<std::byte> pattern(low.begin() + 5, low.begin() + 11);
  for (const std::uint64_t step : {1, 2, 4, 8}) {
    const std::uint64_t begin = 0xffff800000000000;
    std::vector<std::uint64_t> expected;
    for (const auto& [at, bytes] : {std::pair(first, &low), std::pair(second, &high)})
      for (std::size_t i = 0; i + pattern.size() <= bytes->size(); ++i)
        if ((at + i - begin) % step == 0 &&
            std::equal(pattern.begin(), pattern.end(),
                       bytes->begin() + static_cast<std::ptrdiff_t>(i)))
          expected.push_back(at + i);
    EXPECT_FALSE(expected.empty());
    EXPECT_EQ(found(memory, {begin, UINT64_MAX - begin, step}, pattern), expected) << step;
  }
}

TEST(MemorySearch, ARangesEndIsKept) {
  const std::vector<std::byte> zeros(0x100);
  const base::SegmentSource memory({{0x1000, base::Bytes(std::span(zeros))}});
  const std::vector<std::byte> pattern(4);
  EXPECT_EQ(found(memory, {0x1000, 0x10, 4}, pattern).size(), 4u);
  EXPECT_EQ(found(memory, {0x1000, 0xf, 4}, pattern).size(), 3u);
  EXPECT_EQ(found(memory, {0x10f0, 0x1000, 1}, pattern).size(), 13u);
  EXPECT_TRUE(found(memory, {0x1000, 3, 1}, pattern).empty());
}

}  // namespace
}  // namespace ntstack::console
