#include "pdb/msf.h"

#include <algorithm>
#include <string_view>

namespace ntstack::pdb {
namespace {

using base::Bytes;
using base::fail;
using base::Result;

constexpr std::string_view kMagic(
    "Microsoft C/C++ MSF 7.00\r\n\x1a"
    "DS\0\0\0",
    32);
constexpr std::uint32_t kNilStream = 0xffffffff;

// The superblock, after the magic. The blocks of the directory's block list follow it.
struct SuperBlock {
  std::uint32_t block_size;
  std::uint32_t free_block_map;
  std::uint32_t block_count;
  std::uint32_t directory_size;  // bytes
  std::uint32_t reserved;
};
static_assert(sizeof(SuperBlock) == 20);
constexpr std::uint32_t kBlockListAt = 52;

std::uint64_t blocks_for(std::uint64_t bytes, std::uint32_t block_size) {
  return (bytes + block_size - 1) / block_size;
}

std::uint32_t block_number(Bytes blocks, std::uint64_t index) {
  return blocks.get_or<std::uint32_t>(index * 4, 0);
}

bool in_file(Bytes file, std::uint32_t block_size, std::uint32_t block, std::uint64_t used) {
  return file.contains(std::uint64_t{block} * block_size, used);
}

// What other containers begin with, so that the error says what the file is.
Result<void> check_magic(Bytes file) {
  const std::string_view start = file.text(0, 44);
  if (file.size() >= 32 && Bytes(file.data(), 32).span().size() == 32 &&
      std::string_view(reinterpret_cast<const char*>(file.data()), 32) == kMagic)
    return {};
  if (start.starts_with("Microsoft C/C++ program database 2.00"))
    return fail("a PDB of the old 2.00 format (before Visual C++ 7) is not supported");
  if (start.starts_with("Microsoft MSFZ Container"))
    return fail("a compressed PDB (MSFZ) is not supported: expand it first");
  if (start.starts_with("BSJB")) return fail("a portable PDB (of .NET) holds no native symbols");
  if (start.starts_with("MSCF"))
    return fail("a compressed file (a cabinet, .pd_): expand it first");
  return fail("not a PDB: the file does not begin with \"Microsoft C/C++ MSF 7.00\"");
}

Result<SuperBlock> read_super_block(Bytes file) {
  const auto super = file.get<SuperBlock>(kMagic.size());
  if (!super) return fail("the PDB is cut short: it ends at {:#x}", file.size());
  const bool power_of_two = (super->block_size & (super->block_size - 1)) == 0;
  if (!power_of_two || super->block_size < 512 || super->block_size > 65536)
    return fail("the PDB's block size {} is none that exists", super->block_size);
  if (super->directory_size > file.size())
    return fail("the PDB's directory of {} bytes is larger than the file", super->directory_size);
  return *super;
}

}  // namespace

Bytes Pieces::assemble(std::uint32_t stream, Bytes blocks, std::uint64_t offset,
                       std::uint64_t length) {
  const std::uint64_t key = std::uint64_t{stream} << 32 | offset;
  const auto known = known_.find(key);
  if (known != known_.end() && known->second.size() >= length)
    return known->second.clamp(0, length);
  if (length > budget_) return {};
  budget_ -= length;

  kept_.push_back(std::make_unique_for_overwrite<std::byte[]>(length));
  std::byte* piece = kept_.back().get();
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t at = offset + done;
    const std::uint64_t in_block = at % block_size_;
    const std::uint64_t part = std::min<std::uint64_t>(block_size_ - in_block, length - done);
    const Bytes from = file_.clamp(
        std::uint64_t{block_number(blocks, at / block_size_)} * block_size_ + in_block, part);
    if (from.size() != part) return {};  // not when the stream was checked
    std::copy(from.span().begin(), from.span().end(), piece + done);
    done += part;
  }
  return known_[key] = Bytes(piece, length);
}

Bytes Stream::range(std::uint64_t offset, std::uint64_t length) const {
  if (offset > size_ || length > size_ - offset) return {};
  if (length == 0) return {};
  if (!pieces_) return whole_.clamp(offset, length);

  const std::uint32_t block_size = pieces_->block_size();
  const std::uint64_t first = offset / block_size;
  const std::uint64_t last = (offset + length - 1) / block_size;
  const std::uint32_t first_block = block_number(blocks_, first);
  for (std::uint64_t i = first + 1; i <= last; ++i) {
    if (block_number(blocks_, i) != first_block + (i - first))
      return pieces_->assemble(index_, blocks_, offset, length);
  }
  return pieces_->file().clamp(std::uint64_t{first_block} * block_size + offset % block_size,
                               length);
}

bool Stream::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  const std::uint32_t block_size = pieces_->block_size();
  for (std::size_t done = 0; done < out.size();) {
    const std::uint64_t at = offset + done;
    const std::size_t part = std::min<std::size_t>(block_size - at % block_size, out.size() - done);
    const Bytes from = pieces_->file().clamp(
        std::uint64_t{block_number(blocks_, at / block_size)} * block_size + at % block_size, part);
    if (from.size() != part) return false;
    std::copy(from.span().begin(), from.span().end(),
              out.begin() + static_cast<std::ptrdiff_t>(done));
    done += part;
  }
  return true;
}

Result<Msf> Msf::open(Bytes file) {
  if (auto magic = check_magic(file); !magic) return std::unexpected(magic.error());
  const auto super = read_super_block(file);
  if (!super) return std::unexpected(super.error());
  const std::uint32_t block_size = super->block_size;

  // The directory is a stream too: its block list lies in blocks that the superblock lists.
  const std::uint64_t directory_blocks = blocks_for(super->directory_size, block_size);
  const std::uint64_t list_blocks = blocks_for(directory_blocks * 4, block_size);
  if (!file.contains(kBlockListAt, list_blocks * 4) || kBlockListAt + list_blocks * 4 > block_size)
    return fail("the PDB's directory of {} bytes can't be listed in its first block",
                super->directory_size);
  const Bytes list_block_numbers = file.clamp(kBlockListAt, list_blocks * 4);

  Msf msf;
  msf.pieces_ = std::make_unique<Pieces>(file, block_size);
  for (std::uint64_t i = 0; i < list_blocks; ++i) {
    const std::uint64_t used =
        std::min<std::uint64_t>(block_size, directory_blocks * 4 - i * block_size);
    if (!in_file(file, block_size, block_number(list_block_numbers, i), used))
      return fail("the PDB is cut short: its directory's block list lies past the end");
  }
  const Stream list(msf.pieces_.get(), kNilStream - 1, list_block_numbers,
                    static_cast<std::uint32_t>(directory_blocks * 4));
  const Bytes directory_block_numbers = list.bytes();
  for (std::uint64_t i = 0; i < directory_blocks; ++i) {
    const std::uint64_t used =
        std::min<std::uint64_t>(block_size, super->directory_size - i * block_size);
    if (!in_file(file, block_size, block_number(directory_block_numbers, i), used))
      return fail("the PDB is cut short: its directory lies past the end");
  }
  const Stream directory(msf.pieces_.get(), kNilStream, directory_block_numbers,
                         super->directory_size);
  msf.directory_ = directory.bytes();

  const std::uint32_t count = msf.directory_.get_or<std::uint32_t>(0, 0);
  if (!msf.directory_.contains(4, std::uint64_t{count} * 4))
    return fail("the PDB's directory names {} streams, more than it has room for", count);
  msf.streams_.reserve(count);
  std::uint64_t blocks_at = 4 + std::uint64_t{count} * 4;
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t size = msf.directory_.get_or<std::uint32_t>(4 + std::uint64_t{i} * 4, 0);
    if (size == kNilStream) size = 0;
    // Past the directory's end stream() refuses it; the sum stays below 2^32 by that same end.
    msf.streams_.push_back(
        {size, static_cast<std::uint32_t>(std::min<std::uint64_t>(blocks_at, kNilStream))});
    blocks_at += blocks_for(size, block_size) * 4;
  }
  return msf;
}

Result<Stream> Msf::stream(std::uint32_t index) const {
  if (index >= streams_.size())
    return fail("the PDB has no stream {} (it has {})", index, streams_.size());
  const Entry& entry = streams_[index];
  if (entry.size == 0) return Stream();
  const std::uint32_t block_size = pieces_->block_size();
  const Bytes file = pieces_->file();
  const std::uint64_t count = blocks_for(entry.size, block_size);
  const auto blocks = directory_.slice(entry.blocks_at, count * 4);
  if (!blocks || entry.size > file.size())
    return fail("the PDB's directory does not list all blocks of stream {}", index);

  const std::uint32_t first = block_number(*blocks, 0);
  bool together = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint32_t block = block_number(*blocks, i);
    const std::uint64_t used = std::min<std::uint64_t>(block_size, entry.size - i * block_size);
    if (!in_file(file, block_size, block, used))
      return fail("the PDB is cut short: stream {} lies past its end at {:#x}", index, file.size());
    together = together && block == first + i;
  }
  if (together) return Stream(file.clamp(std::uint64_t{first} * block_size, entry.size));
  return Stream(pieces_.get(), index, *blocks, entry.size);
}

}  // namespace ntstack::pdb
