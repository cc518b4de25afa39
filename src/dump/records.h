// What several containers share: exception records, processor contexts, names, and memory gathered
// under limits that a hostile file can't break.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "base/bytes.h"
#include "dump/dump.h"

namespace ntstack::dump {

// sizeof(CONTEXT) as dumps hold it (winnt.h); 0 for a processor that is not known.
constexpr std::size_t context_size(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x86:
      return 0x2cc;
    case base::Architecture::x64:
      return 0x4d0;
    case base::Architecture::arm64:
      return 0x390;
    case base::Architecture::unknown:
      break;
  }
  return 0;
}

// EXCEPTION_RECORD32 or EXCEPTION_RECORD64 (MINIDUMP_EXCEPTION is laid out like the latter).
// Nothing where the bytes are cut before its address, or are all zero.
std::optional<ExceptionRecord> exception_record(base::Bytes bytes, bool is_64_bit);

// A module's name: UTF-16, at most `characters`, and never more than any path can have; ends
// before the first NUL.
std::string module_name(base::Bytes utf16, std::uint64_t characters);

// Addresses of a 32-bit target: some writers extend their sign. Other values stay as they are.
constexpr std::uint64_t target_address(std::uint64_t address, bool is_64_bit) {
  return !is_64_bit && (address >> 32) == 0xffffffff ? address & 0xffffffff : address;
}

// `size` cut so that base + size stays inside 64 bits.
constexpr std::uint64_t size_in_space(std::uint64_t base, std::uint64_t size) {
  return size > UINT64_MAX - base ? UINT64_MAX - base : size;
}

// "3 of 151 data blocks lie outside the file": the words come from the caller.
std::string count_of(std::uint64_t count, std::uint64_t all);

// Pieces of memory on their way to a SegmentSource. Real writers store each byte once; a file that
// lists the same bytes at thousands of addresses would make every scan of memory endless, so what
// is listed may be four times as much as the file holds, and no more.
class MemoryPieces {
 public:
  explicit MemoryPieces(std::size_t file_size) : room_(std::uint64_t{file_size} * 4) {}

  void reserve(std::size_t pieces) { pieces_.reserve(pieces); }
  // False where the piece is left out for want of room. A piece that goes on where the last one
  // ends, in memory and in the file, becomes one with it.
  bool add(std::uint64_t address, base::Bytes bytes);
  std::uint64_t left_out() const { return left_out_; }
  std::uint64_t bytes() const { return bytes_; }  // of all pieces that were taken
  std::unique_ptr<base::ByteSource> source() &&;

 private:
  std::uint64_t room_;
  std::uint64_t left_out_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<base::SegmentSource::Segment> pieces_;
};

}  // namespace ntstack::dump
