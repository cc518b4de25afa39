#include "dump/lime.h"

#include "dump/records.h"
#include "dump/self_map.h"

namespace ntstack::dump {

namespace {

// A range's header: magic, version, first address, last address, reserved.
constexpr std::uint32_t magic = 0x4c694d45;
constexpr std::uint64_t version_at = 4;
constexpr std::uint64_t first_at = 8;
constexpr std::uint64_t last_at = 0x10;
constexpr std::uint64_t header_size = 0x20;

struct Range {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

std::optional<Range> range_at(base::Bytes file, std::uint64_t at) {
  const auto first = file.get<std::uint64_t>(at + first_at);
  const auto last = file.get<std::uint64_t>(at + last_at);
  const bool is_header = file.get_or<std::uint32_t>(at, 0) == magic &&
                         file.get_or<std::uint32_t>(at + version_at, 0) == 1;
  if (!is_header || !first || !last || *last < *first || *last - *first == UINT64_MAX) return {};
  return Range{*first, *last - *first + 1};
}

}  // namespace

bool is_lime(base::Bytes file) { return file.get_or<std::uint32_t>(0, 0) == magic; }

base::Result<Dump> parse_lime(base::Bytes file) {
  Dump dump;
  dump.kind = Kind::lime;
  MemoryPieces pieces(file.size());
  std::uint64_t at = 0;
  while (at < file.size()) {
    const auto range = range_at(file, at);
    if (!range) {
      dump.warnings.push_back(fmt::format(
          "at {:#x} of {:#x} bytes the file has no range of memory as LiME writes them (version "
          "1): what stands before is used",
          at, file.size()));
      break;
    }
    const base::Bytes bytes = file.clamp(at + header_size, range->size);
    pieces.add(range->first, bytes);
    if (bytes.size() < range->size) {
      dump.warnings.push_back(fmt::format(
          "the file was cut off: the last range has {:#x} bytes of {:#x}; what is there "
          "is used",
          bytes.size(), range->size));
      break;
    }
    at += header_size + range->size;
  }
  if (pieces.bytes() == 0) return base::fail("a LiME dump without memory: it is damaged");
  dump.physical_bytes = pieces.bytes();
  dump.physical = std::move(pieces).source();
  take_self_map(dump);
  return dump;
}

}  // namespace ntstack::dump
