#include "dwarf/sections.h"

#include <algorithm>
#include <array>

#include "dwarf/dwarf.h"

namespace ntstack::dwarf {
namespace {

// A decoder's memory is a multiple of what it decodes: the longest section that is looked at.
struct Limit {
  std::string_view name;
  std::uint64_t size;
};
constexpr std::uint64_t kMega = std::uint64_t{1} << 20;
constexpr std::array kSections{
    Limit{"debug_info", 1024 * kMega},       Limit{"debug_types", 256 * kMega},
    Limit{"debug_abbrev", 16 * kMega},       Limit{"debug_line", 512 * kMega},
    Limit{"debug_line_str", 256 * kMega},    Limit{"debug_str", 1024 * kMega},
    Limit{"debug_str_offsets", 256 * kMega}, Limit{"debug_addr", 256 * kMega},
    Limit{"debug_ranges", 64 * kMega},       Limit{"debug_rnglists", 64 * kMega},
    Limit{"debug_aranges", 64 * kMega},
};

}  // namespace

base::Bytes section_bytes(const pe::Image& image, std::string_view name) {
  const auto sections = image.sections();
  const auto found = std::ranges::find(sections, name, &pe::Section::name);
  if (found == sections.end() || found->file_offset == 0) return {};
  // Files pad sections to whole sectors; the virtual size is how long one really is.
  const std::uint32_t size =
      found->virtual_size ? std::min(found->virtual_size, found->file_size) : found->file_size;
  return image.file().clamp(found->file_offset, size);
}

base::Result<std::vector<DebugSection>> debug_sections(const pe::Image& image) {
  std::vector<DebugSection> sections;
  for (const Limit& limit : kSections) {
    const base::Bytes bytes = section_bytes(image, "." + std::string(limit.name));
    if (bytes.size() > limit.size) {
      return base::fail("its section .{} has {} bytes, more than are read", limit.name,
                        bytes.size());
    }
    if (!bytes.empty()) sections.push_back({limit.name, bytes});
  }
  return sections;
}

bool has_dwarf(const pe::Image& image) { return !section_bytes(image, ".debug_info").empty(); }

// GDB's documentation, "Separate Debug Files": the name with its NUL, padded to four bytes, the
// CRC.
std::optional<DebugLink> debug_link(const pe::Image& image) {
  const base::Bytes bytes = section_bytes(image, ".gnu_debuglink");
  const auto name = bytes.terminated_text(0);
  if (!name || name->empty()) return std::nullopt;
  const auto crc = bytes.get<std::uint32_t>((name->size() + 4) / 4 * 4);
  if (!crc) return std::nullopt;
  return DebugLink{std::string(*name), *crc};
}

std::uint32_t crc32_of(base::Bytes bytes) {
  std::array<std::uint32_t, 256> table;
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
  }
  std::uint32_t crc = 0xffffffff;
  for (const std::byte byte : bytes.span()) {
    crc = table[(crc ^ static_cast<std::uint32_t>(byte)) & 0xff] ^ crc >> 8;
  }
  return ~crc;
}

}  // namespace ntstack::dwarf
