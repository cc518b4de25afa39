#include "pdb/gsi.h"

#include <algorithm>
#include <bit>

#include "pdb/hash.h"

namespace ntstack::pdb {
namespace {

struct Header {
  std::uint32_t signature;
  std::uint32_t version;
  std::uint32_t entries_size;  // bytes
  std::uint32_t buckets_size;  // bytes, the bitmap included
};
constexpr std::uint32_t kSignature = 0xffffffff;
constexpr std::uint32_t kVersion70 = 0xeffe0000 + 19990810;

constexpr std::uint32_t kBuckets = 4096;
constexpr std::uint32_t kBitmapWords = (kBuckets + 32) / 32;
constexpr std::uint32_t kEntrySize = 8;  // the record's offset plus one, a count of references
// Bucket offsets count entries as they were in the linker's memory: 12 bytes each.
constexpr std::uint32_t kEntrySizeInMemory = 12;

}  // namespace

std::optional<SymbolRecord> global_at(const Stream& symbols, std::uint32_t at) {
  const auto length = symbols.get<std::uint16_t>(at);
  if (!length) return std::nullopt;
  const base::Bytes bytes = symbols.range(at, 2 + std::uint64_t{*length});
  auto record = symbol_at(bytes, 0);
  if (!record) return std::nullopt;
  record->at = at;
  record->next = at + 2 + *length;
  return record;
}

GlobalHash::GlobalHash(Stream table, std::uint64_t at, Stream symbols)
    : table_(table), symbols_(symbols) {
  const auto header = table_.get<Header>(at);
  if (!header || header->signature != kSignature || header->version != kVersion70) return;
  entries_at_ = at + sizeof(Header);
  bitmap_at_ = entries_at_ + header->entries_size;
  buckets_at_ = bitmap_at_ + kBitmapWords * 4;
  if (header->buckets_size < kBitmapWords * 4 || buckets_at_ > table_.size()) return;
  bucket_words_ =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(header->buckets_size - kBitmapWords * 4,
                                                         table_.size() - buckets_at_) /
                                 4);
  entry_count_ = header->entries_size / kEntrySize;
}

GlobalHash::Chain GlobalHash::chain_of(std::string_view name) const {
  if (bucket_words_ == 0) return {};
  const std::uint32_t bucket = name_hash(name) % kBuckets;
  std::uint32_t place = 0;  // among the buckets that are not empty
  const auto word_at = [this](std::uint32_t word) {
    return table_.get<std::uint32_t>(bitmap_at_ + std::uint64_t{word} * 4).value_or(0);
  };
  for (std::uint32_t word = 0; word < bucket / 32; ++word)
    place += static_cast<std::uint32_t>(std::popcount(word_at(word)));
  const std::uint32_t last_word = word_at(bucket / 32);
  const std::uint32_t bit = 1U << (bucket % 32);
  if (!(last_word & bit)) return {};
  place += static_cast<std::uint32_t>(std::popcount(last_word & (bit - 1)));
  if (place >= bucket_words_) return {};

  const auto begin_of = [this](std::uint32_t index) {
    return table_.get<std::uint32_t>(buckets_at_ + std::uint64_t{index} * 4).value_or(0) /
           kEntrySizeInMemory;
  };
  const std::uint32_t end = place + 1 < bucket_words_ ? begin_of(place + 1) : entry_count_;
  return {begin_of(place), std::min(end, entry_count_)};
}

std::optional<SymbolRecord> GlobalHash::entry(std::uint32_t index) const {
  const auto offset = table_.get<std::uint32_t>(entries_at_ + std::uint64_t{index} * kEntrySize);
  if (!offset || *offset == 0) return std::nullopt;
  return global_at(symbols_, *offset - 1);
}

}  // namespace ntstack::pdb
