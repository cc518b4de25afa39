// The pages of a dump that lists them by a bitmap. Page k is there where bit k is set, and lies in
// the file behind the pages of all set bits before it: so a page's place is a rank. The bits stay
// in the mapped file; a small index of ranks, one for each 512 bits, makes a look-up short.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"
#include "base/bytes.h"

namespace ntstack::dump {

class PageBitmap {
 public:
  // `bits` outlives this; those behind the first `pages` bits don't count, whatever they are.
  PageBitmap(base::Bytes bits, std::uint64_t pages);

  std::uint64_t pages() const { return pages_; }  // bits that there are
  std::uint64_t count() const { return count_; }  // bits that are set

  bool contains(std::uint64_t page) const {
    return page < pages_ && (word(page / 64) >> (page % 64) & 1) != 0;
  }
  // Set bits before `page`, which is at most pages().
  std::uint64_t rank(std::uint64_t page) const;
  // Set bits from `page` on without a gap, counted up to `limit`.
  std::uint64_t run(std::uint64_t page, std::uint64_t limit) const;
  // The first set bit at `page` or above.
  std::optional<std::uint64_t> next(std::uint64_t page) const;

 private:
  std::uint64_t word(std::uint64_t index) const {
    if (index >= whole_words_) return index == whole_words_ ? tail_ : 0;
    std::uint64_t value;
    std::memcpy(&value, bits_.data() + index * 8, sizeof value);
    return value;
  }
  std::uint64_t words() const { return (pages_ + 63) / 64; }

  base::Bytes bits_;
  std::uint64_t pages_;
  std::uint64_t whole_words_;
  std::uint64_t tail_ = 0;  // the bits behind the last whole word
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> ranks_;  // before each block of 512 bits
};

// Physical memory behind such a bitmap. Pages that the file was cut before are holes.
class BitmapSource : public base::ByteSource {
 public:
  // `pages` is what follows the bitmap in the file: page after page, perhaps cut.
  BitmapSource(PageBitmap bitmap, base::Bytes pages) : bitmap_(std::move(bitmap)), pages_(pages) {}

  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  base::Bytes view(std::uint64_t address, std::size_t size) const override;
  std::uint64_t hole_end(std::uint64_t address) const override;

  const PageBitmap& bitmap() const { return bitmap_; }

 private:
  PageBitmap bitmap_;
  base::Bytes pages_;
};

}  // namespace ntstack::dump
