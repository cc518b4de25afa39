#include "dump/secondary.h"

#include <algorithm>

namespace ntstack::dump {

namespace {

// The file header: "DumpBlob", its own size, the build. Then each piece: the size of its header,
// GUID, size of its bytes, padding before and after them.
constexpr std::uint64_t file_header_size_at = 0x8;
constexpr std::uint64_t tag_at = 0x4;
constexpr std::uint64_t size_at = 0x14;
constexpr std::uint64_t padding_before_at = 0x18;
constexpr std::uint64_t padding_after_at = 0x1c;
constexpr std::uint64_t piece_header_size = 0x20;
constexpr std::size_t max_pieces = 65536;

}  // namespace

std::vector<SecondaryData> read_secondary(base::Bytes file, std::uint64_t offset,
                                          std::vector<std::string>& warnings) {
  std::vector<SecondaryData> found;
  if (file.clamp(offset).text(0, 8) != "DumpBlob") return found;
  const std::uint64_t own_size = file.get_or<std::uint32_t>(offset + file_header_size_at, 0);
  std::uint64_t at = offset + std::max<std::uint64_t>(own_size, 0x10);
  while (found.size() < max_pieces && file.contains(at, piece_header_size)) {
    const std::uint64_t header = file.get_or<std::uint32_t>(at, 0);
    if (header < piece_header_size) break;  // zeros end the list
    const auto tag = file.get<base::Guid>(at + tag_at);
    const std::uint64_t size = file.get_or<std::uint32_t>(at + size_at, 0);
    const std::uint64_t begin = at + header + file.get_or<std::uint32_t>(at + padding_before_at, 0);
    const auto bytes = file.slice(begin, size);
    if (!tag || !bytes) {
      warnings.push_back("secondary data behind the dump is cut off");
      break;
    }
    found.push_back({*tag, *bytes});
    at = begin + size + file.get_or<std::uint32_t>(at + padding_after_at, 0);
  }
  return found;
}

}  // namespace ntstack::dump
