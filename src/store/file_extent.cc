#include "store/file_extent.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "pe/image.h"
#include "store/cabinet.h"

namespace ntstack::store {
namespace {

// A PDB's most blocks of its most common size.
constexpr std::uint64_t kMost = std::uint64_t{1} << 33;

constexpr std::string_view kPdbMagic = "Microsoft C/C++ MSF 7.00\r\n\x1a";

// The superblock: block size at 32, number of blocks at 40 (LLVM's "The MSF File Format").
FileExtent extent_of_pdb(base::Bytes head) {
  const auto block_size = head.get<std::uint32_t>(32);
  const auto blocks = head.get<std::uint32_t>(40);
  if (!block_size || !blocks) return {0, kMost};
  const std::uint64_t size = std::uint64_t{*block_size} * *blocks;
  return {size, std::min(size, kMost)};
}

// Behind the sections there may be COFF symbols, signatures and what installers append.
FileExtent extent_of_image(base::Bytes head) {
  constexpr std::uint64_t kAppended = std::uint64_t{64} << 20;
  const auto image = pe::Image::from_file(head);
  if (!image) return {0, kMost};
  std::uint64_t least = 0;
  for (const pe::Section& section : image->sections())
    if (section.file_size != 0)
      least = std::max(least, std::uint64_t{section.file_offset} + section.file_size);
  const std::uint64_t symbols =
      image->symbol_table_offset() + std::uint64_t{image->symbol_count()} * 18;
  return {least, std::min(kMost, 2 * std::max(least, symbols) + kAppended)};
}

}  // namespace

FileKind kind_of(base::Bytes head) {
  const std::string_view start(reinterpret_cast<const char*>(head.data()),
                               std::min(head.size(), kPdbMagic.size()));
  if (start == kPdbMagic) return FileKind::pdb;
  if (start.starts_with("MZ")) return FileKind::image;
  if (start.starts_with("MSCF")) return FileKind::cabinet;
  return FileKind::unknown;
}

FileExtent extent_of(base::Bytes head) {
  switch (kind_of(head)) {
    case FileKind::pdb:
      return extent_of_pdb(head);
    case FileKind::image:
      return extent_of_image(head);
    case FileKind::cabinet: {
      const std::uint64_t size = cabinet_size(head);
      // Signatures may follow it.
      return {size, size ? size + (std::uint64_t{1} << 20) : kMost};
    }
    case FileKind::unknown:
      break;
  }
  return {0, kMost};
}

std::string why_not_whole(base::Bytes file) {
  const std::uint64_t least = extent_of(file.clamp(0, extent_head)).least;
  if (file.size() >= least) return {};
  return fmt::format("it is cut off: {} of {} bytes are there", file.size(), least);
}

}  // namespace ntstack::store
