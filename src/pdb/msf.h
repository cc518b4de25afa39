// The container of a PDB: a file of equal blocks, and streams that are lists of blocks. A stream
// whose blocks lie together is seen in place; pieces of the others are put together when they are
// asked for. Layout: LLVM's "The MSF File Format" and Microsoft's published msf.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::pdb {

// Pieces that had to be put together. They stay as long as the Msf. A file's blocks each belong to
// one stream, so all pieces of a sound file are together no larger than the file; more is refused.
class Pieces {
 public:
  Pieces(base::Bytes file, std::uint32_t block_size)
      : file_(file), block_size_(block_size), budget_(file.size()) {}

  base::Bytes file() const { return file_; }
  std::uint32_t block_size() const { return block_size_; }

  // [offset, offset + length) of the stream with these block numbers, all known to lie in the file.
  base::Bytes assemble(std::uint32_t stream, base::Bytes blocks, std::uint64_t offset,
                       std::uint64_t length);

 private:
  base::Bytes file_;
  std::uint32_t block_size_;
  std::uint64_t budget_;
  std::vector<std::unique_ptr<std::byte[]>> kept_;
  std::unordered_map<std::uint64_t, base::Bytes> known_;  // by stream and offset
};

// A view of one stream. Cheap to copy; valid as long as its Msf.
class Stream {
 public:
  Stream() = default;
  // A stream that lies in one piece.
  explicit Stream(base::Bytes whole)
      : whole_(whole), size_(static_cast<std::uint32_t>(whole.size())) {}
  Stream(Pieces* pieces, std::uint32_t index, base::Bytes blocks, std::uint32_t size)
      : pieces_(pieces), index_(index), blocks_(blocks), size_(size) {}

  std::uint32_t size() const { return size_; }

  // Exactly [offset, offset + length), or nothing where the stream does not hold it.
  base::Bytes range(std::uint64_t offset, std::uint64_t length) const;
  base::Bytes bytes() const { return range(0, size_); }

  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::optional<T> get(std::uint64_t offset) const {
    if (!pieces_) return whole_.get<T>(offset);
    T value;
    if (!read(offset, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }

 private:
  bool read(std::uint64_t offset, std::span<std::byte> out) const;

  base::Bytes whole_;
  Pieces* pieces_ = nullptr;  // null: whole_ is the stream
  std::uint32_t index_ = 0;
  base::Bytes blocks_;  // block numbers, four bytes each
  std::uint32_t size_ = 0;
};

class Msf {
 public:
  // `file` outlives the Msf.
  static base::Result<Msf> open(base::Bytes file);

  std::uint32_t stream_count() const { return static_cast<std::uint32_t>(streams_.size()); }
  // An absent ("nil") stream is an empty one; a number past the directory is an error.
  base::Result<Stream> stream(std::uint32_t index) const;

 private:
  struct Entry {
    std::uint32_t size;
    std::uint32_t blocks_at;  // in the directory, bytes
  };

  std::unique_ptr<Pieces> pieces_;
  base::Bytes directory_;
  std::vector<Entry> streams_;
};

}  // namespace ntstack::pdb
