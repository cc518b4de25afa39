#include "dump/page_bitmap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dump/dump_builder.h"

namespace ntstack::dump {
namespace {

using building::Data;

// The plain meaning, bit by bit.
struct Plain {
  std::vector<bool> bits;
  std::uint64_t rank(std::uint64_t page) const {
    return static_cast<std::uint64_t>(
        std::ranges::count(bits.begin(), bits.begin() + static_cast<std::ptrdiff_t>(page), true));
  }
};

Plain plain_of(const Data& bytes, std::uint64_t pages) {
  Plain plain;
  for (std::uint64_t i = 0; i < pages; ++i) {
    plain.bits.push_back((std::to_integer<unsigned>(bytes[i / 8]) >> (i % 8) & 1) != 0);
  }
  return plain;
}

// Bytes of long runs of ones and zeros and of noise, as real bitmaps have.
Data bitmap_bytes(std::size_t size, std::mt19937& random) {
  Data bytes;
  while (bytes.size() < size) {
    const std::uint32_t kind = random() % 3;
    for (std::uint32_t left = random() % 200 + 1; left != 0 && bytes.size() < size; --left) {
      bytes.push_back(static_cast<std::byte>(kind == 0 ? 0 : kind == 1 ? 0xff : random()));
    }
  }
  return bytes;
}

void expect_plain(const PageBitmap& bitmap, const Plain& plain) {
  const std::uint64_t pages = plain.bits.size();
  ASSERT_EQ(bitmap.pages(), pages);
  ASSERT_EQ(bitmap.count(), plain.rank(pages));
  std::uint64_t rank = 0;
  for (std::uint64_t page = 0; page < pages; ++page) {
    ASSERT_EQ(bitmap.contains(page), plain.bits[page]) << page << " of " << pages;
    ASSERT_EQ(bitmap.rank(page), rank) << page << " of " << pages;
    if (plain.bits[page]) ++rank;
  }
  // Backwards, where the next set bit and the run's length are plain too.
  std::optional<std::uint64_t> next;
  std::uint64_t run = 0;
  for (std::uint64_t page = pages; page-- > 0;) {
    if (plain.bits[page]) next = page;
    run = plain.bits[page] ? run + 1 : 0;
    ASSERT_EQ(bitmap.next(page), next) << page << " of " << pages;
    ASSERT_EQ(bitmap.run(page, UINT64_MAX), run) << page << " of " << pages;
    ASSERT_EQ(bitmap.run(page, 5), std::min<std::uint64_t>(run, 5));
  }
  EXPECT_FALSE(bitmap.contains(pages));
  EXPECT_FALSE(bitmap.contains(UINT64_MAX));
  EXPECT_EQ(bitmap.next(pages), std::nullopt);
  EXPECT_EQ(bitmap.run(pages, 9), 0u);
}

TEST(PageBitmap, RanksRunsAndNextPagesAreThoseOfCountingBitByBit) {
  std::mt19937 random(8);
  for (int round = 0; round < 400; ++round) {
    const std::size_t size = random() % (round % 10 == 0 ? 3000 : 200);
    const Data bytes = bitmap_bytes(size, random);
    const std::uint64_t pages = size * 8 - (size == 0 ? 0 : random() % 8);
    const PageBitmap bitmap(building::view(bytes), pages);
    ASSERT_NO_FATAL_FAILURE(expect_plain(bitmap, plain_of(bytes, pages)));
  }
}

TEST(PageBitmap, BitsBehindTheLastPageDontCount) {
  const Data ones(40, std::byte{0xff});
  for (std::uint64_t pages = 0; pages <= 320; ++pages) {
    const PageBitmap bitmap(building::view(ones), pages);
    EXPECT_EQ(bitmap.count(), pages);
    EXPECT_EQ(bitmap.run(0, UINT64_MAX), pages);
  }
}

TEST(PageBitmap, MorePagesThanBitsAreAsManyAsBits) {
  const Data ones(3, std::byte{0xff});
  EXPECT_EQ(PageBitmap(building::view(ones), UINT64_MAX).pages(), 24u);
}

TEST(BitmapSource, AddressesAtTheEndOfTheAddressSpaceAreHoles) {
  const Data ones(1, std::byte{0xff});
  const Data pages(0x8000);
  const BitmapSource source(PageBitmap(building::view(ones), 8), building::view(pages));
  EXPECT_TRUE(source.view(UINT64_MAX - 4, SIZE_MAX).empty());
  EXPECT_EQ(source.view(0x7fff, SIZE_MAX).size(), 1u);
  EXPECT_EQ(source.view(0, SIZE_MAX).size(), 0x8000u);
  EXPECT_TRUE(source.view(0, 0).empty());
}

}  // namespace
}  // namespace ntstack::dump
