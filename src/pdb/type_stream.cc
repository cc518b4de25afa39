#include "pdb/type_stream.h"

#include <algorithm>

#include "pdb/hash.h"

namespace ntstack::pdb {
namespace {

struct Header {
  std::uint32_t version;
  std::uint32_t header_size;
  std::uint32_t begin;
  std::uint32_t end;
  std::uint32_t records_size;
  std::uint16_t hash_stream;
  std::uint16_t more_hashes_stream;
  std::uint32_t hash_size;
  std::uint32_t bucket_count;
  std::uint32_t hashes_at, hashes_size;
  std::uint32_t index_offsets_at, index_offsets_size;
  std::uint32_t adjusters_at, adjusters_size;
};
static_assert(sizeof(Header) == 56);

constexpr std::uint32_t kFirstIndex = 0x1000;  // below are the simple types
constexpr std::uint32_t kMostBuckets = 0x40000;
constexpr std::uint32_t kSmallestRecord = 4;

// The linkers write an index offset every 8 KB. Where a file has them further apart than that can
// be, a walk over all records makes better ones.
constexpr std::uint32_t kFurthestApart = 4096;
constexpr std::uint32_t kOwnDistance = 256;

}  // namespace

TypeStream::TypeStream(const Msf& msf, std::uint32_t index) {
  const auto stream = msf.stream(index);
  const auto header = stream ? stream->get<Header>(0) : std::nullopt;
  if (!header || header->begin < kFirstIndex || header->end < header->begin) return;
  if (header->header_size < sizeof(Header) || header->header_size > stream->size()) return;
  stream_ = *stream;
  records_at_ = header->header_size;
  records_size_ =
      std::min<std::uint64_t>(header->records_size, stream_.size() - header->header_size);
  begin_ = header->begin;
  const std::uint64_t most = records_size_ / kSmallestRecord;
  end_ = begin_ + static_cast<std::uint32_t>(std::min<std::uint64_t>(header->end - begin_, most));

  if (header->hash_stream == 0xffff) return;
  hash_stream_ = msf.stream(header->hash_stream).value_or(Stream());
  index_offsets_ = hash_stream_.range(header->index_offsets_at, header->index_offsets_size);
  const bool sound = (header->hash_size == 4 || header->hash_size == 2) &&
                     header->bucket_count != 0 && header->bucket_count <= kMostBuckets;
  if (!sound) return;
  hash_size_ = header->hash_size;
  bucket_count_ = header->bucket_count;
  hashes_ = hash_stream_.range(header->hashes_at, header->hashes_size);
}

std::optional<TypeRecord> TypeStream::record(std::uint32_t index) {
  const auto offset = offset_of(index);
  if (!offset) return std::nullopt;
  const auto length = stream_.get<std::uint16_t>(*offset);
  if (!length || *length < 2) return std::nullopt;
  const base::Bytes bytes = stream_.range(*offset + 2, *length);
  const auto kind = bytes.get<std::uint16_t>(0);
  if (!kind) return std::nullopt;
  return TypeRecord{*kind, bytes.clamp(2)};
}

std::optional<std::uint64_t> TypeStream::offset_of(std::uint32_t index) {
  if (index < begin_ || index >= end_) return std::nullopt;
  const Checkpoint checkpoint = checkpoint_before(index);
  std::uint64_t offset = records_at_ + checkpoint.offset;
  const std::uint64_t end = records_at_ + records_size_;
  for (std::uint32_t i = checkpoint.index; i < index; ++i) {
    const auto length = stream_.get<std::uint16_t>(offset);
    if (!length || offset >= end) return std::nullopt;
    offset += 2 + std::uint64_t{*length};
  }
  if (offset >= end) return std::nullopt;
  return offset;
}

TypeStream::Checkpoint TypeStream::checkpoint_before(std::uint32_t index) {
  if (checkpoints_.empty()) {
    std::uint64_t low = 0, high = index_offsets_.size() / sizeof(Checkpoint);
    const auto at = [this](std::uint64_t i) {
      return index_offsets_.get_or<Checkpoint>(i * sizeof(Checkpoint), {});
    };
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (at(middle).index <= index)
        low = middle + 1;
      else
        high = middle;
    }
    const Checkpoint found = low == 0 ? Checkpoint{begin_, 0} : at(low - 1);
    if (found.index >= begin_ && found.index <= index && index - found.index <= kFurthestApart)
      return found;
    make_checkpoints();
  }
  const std::size_t place = (index - begin_) / kOwnDistance;
  return checkpoints_[std::min(place, checkpoints_.size() - 1)];
}

void TypeStream::make_checkpoints() {
  checkpoints_.push_back({begin_, 0});
  std::uint64_t offset = 0;
  for (std::uint32_t i = begin_; i < end_ && offset < records_size_; ++i) {
    if (i != begin_ && (i - begin_) % kOwnDistance == 0)
      checkpoints_.push_back({i, static_cast<std::uint32_t>(offset)});
    const auto length = stream_.get<std::uint16_t>(records_at_ + offset);
    if (!length) break;
    offset += 2 + std::uint64_t{*length};
  }
}

void TypeStream::make_chains() {
  const std::uint32_t count = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(end_ - begin_, hashes_.size() / hash_size_));
  chain_heads_.resize(bucket_count_);
  chain_next_.resize(count);
  for (std::uint32_t i = count; i-- > 0;) {
    const std::uint32_t bucket = hash_size_ == 4
                                     ? hashes_.get_or<std::uint32_t>(std::uint64_t{i} * 4, 0)
                                     : hashes_.get_or<std::uint16_t>(std::uint64_t{i} * 2, 0);
    if (bucket >= bucket_count_) continue;
    chain_next_[i] = chain_heads_[bucket];
    chain_heads_[bucket] = i + 1;
  }
}

std::uint32_t TypeStream::first_filed_under(std::string_view name) {
  if (hashes_.empty()) return 0;
  if (chain_heads_.empty()) make_chains();
  return chain_heads_[name_hash(name) % bucket_count_];
}

}  // namespace ntstack::pdb
