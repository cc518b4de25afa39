#include "dump/page_bitmap.h"

#include <algorithm>
#include <bit>

#include "dump/header.h"

namespace ntstack::dump {

namespace {

constexpr std::uint64_t words_per_block = 8;

// Plain arithmetic: compilers make vectors of it, and without the processor's own instruction (not
// every x64 has it) std::popcount would be a call.
constexpr std::uint64_t bits_in(std::uint64_t word) {
  word -= word >> 1 & 0x5555555555555555;
  word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
  word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return word * 0x0101010101010101 >> 56;
}

}  // namespace

PageBitmap::PageBitmap(base::Bytes bits, std::uint64_t pages)
    : bits_(bits),
      pages_(std::min(pages, std::uint64_t{bits.size()} * 8)),
      whole_words_(pages_ / 64) {
  if (const std::uint64_t rest = pages_ % 64; rest != 0) {
    const base::Bytes last = bits.clamp(whole_words_ * 8, (rest + 7) / 8);
    std::memcpy(&tail_, last.data(), last.size());
    tail_ &= ~std::uint64_t{0} >> (64 - rest);
  }
  const std::uint64_t blocks = (words() + words_per_block - 1) / words_per_block;
  ranks_.reserve(blocks);
  for (std::uint64_t block = 0; block < blocks; ++block) {
    ranks_.push_back(count_);
    for (std::uint64_t i = 0; i < words_per_block; ++i) {
      count_ += bits_in(word(block * words_per_block + i));
    }
  }
}

std::uint64_t PageBitmap::rank(std::uint64_t page) const {
  const std::uint64_t last = page / 64;
  const std::uint64_t block = last / words_per_block;
  if (block >= ranks_.size()) return count_;
  std::uint64_t before = ranks_[block];
  for (std::uint64_t i = block * words_per_block; i < last; ++i) before += bits_in(word(i));
  const std::uint64_t below = (std::uint64_t{1} << (page % 64)) - 1;
  return before + bits_in(word(last) & below);
}

std::uint64_t PageBitmap::run(std::uint64_t page, std::uint64_t limit) const {
  std::uint64_t length = 0;
  while (length < limit && page + length < pages_) {
    const std::uint64_t at = page + length;
    const auto ones = static_cast<std::uint64_t>(std::countr_one(word(at / 64) >> (at % 64)));
    length += ones;
    if (ones < 64 - at % 64) break;
  }
  return std::min(length, limit);
}

std::optional<std::uint64_t> PageBitmap::next(std::uint64_t page) const {
  if (page >= pages_) return std::nullopt;
  const std::uint64_t before = rank(page);
  if (before == count_) return std::nullopt;
  // The last block with no more set bits before it than `page` has.
  const auto behind = std::ranges::upper_bound(ranks_, before);
  const auto block = static_cast<std::uint64_t>(behind - ranks_.begin()) - 1;
  std::uint64_t index = std::max(page / 64, block * words_per_block);
  std::uint64_t bits = word(index);
  if (index == page / 64) bits &= ~std::uint64_t{0} << (page % 64);
  while (bits == 0) bits = word(++index);
  return index * 64 + static_cast<std::uint64_t>(std::countr_zero(bits));
}

base::Bytes BitmapSource::view(std::uint64_t address, std::size_t size) const {
  const std::uint64_t page = address / page_size;
  if (size == 0 || !bitmap_.contains(page)) return {};
  const std::uint64_t inside = address % page_size;
  const std::uint64_t wanted = (std::uint64_t{size} - 1) / page_size + 2;  // pages, at most
  const std::uint64_t there = bitmap_.run(page, wanted) * page_size - inside;
  return pages_.clamp(bitmap_.rank(page) * page_size + inside,
                      std::min<std::uint64_t>(size, there));
}

// Pages that follow each other in memory do so in the file: one view has all up to the next hole.
std::size_t BitmapSource::read(std::uint64_t address, std::span<std::byte> out) const {
  const base::Bytes found = view(address, out.size());
  if (!found.empty()) std::memcpy(out.data(), found.data(), found.size());
  return found.size();
}

std::uint64_t BitmapSource::hole_end(std::uint64_t address) const {
  const std::uint64_t page = address / page_size;
  // In a page that is listed and yet not there: the file was cut, and nothing follows.
  if (bitmap_.contains(page)) return UINT64_MAX;
  const auto next = bitmap_.next(page);
  if (!next || bitmap_.rank(*next) * page_size >= pages_.size()) return UINT64_MAX;
  return *next * page_size;
}

}  // namespace ntstack::dump
