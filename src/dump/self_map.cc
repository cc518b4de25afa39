#include "dump/self_map.h"

#include <fmt/format.h>

#include <array>

#include "base/bytes.h"
#include "dump/header.h"
#include "dump/start_block.h"

namespace ntstack::dump {

namespace {

constexpr std::uint64_t most_places = std::uint64_t{1} << 24;    // pages and holes: 64 GB of memory
constexpr std::uint64_t end_of_memory = std::uint64_t{1} << 52;  // of processors' addresses
constexpr std::uint64_t frame_bits = 0x000ffffffffff000;         // of a 64-bit entry
constexpr std::uint32_t frame_bits32 = 0xfffff000;
constexpr std::uint64_t valid = 1;
constexpr std::uint64_t accessed = 0x20;     // x86 and x64
constexpr std::uint64_t arm64_used = 0x703;  // valid, a table, accessed, inner shareable

bool points_to(std::uint64_t entry, std::uint64_t page) {
  return (entry & valid) != 0 && (entry & frame_bits) == page;
}

// Most pages are no tables: the upper half at once.
bool any_points_to(base::Bytes table, std::uint64_t page) {
  std::array<std::uint64_t, 256> entries{};
  if (table.size() < page_size) return false;
  std::memcpy(entries.data(), table.data() + page_size / 2, sizeof entries);
  bool found = false;
  for (const std::uint64_t entry : entries)
    found |= (entry & (frame_bits | valid)) == (page | valid);
  return found;
}

// One entry of the upper half that points back, the kernel's half mapped by more than it alone,
// and all of it to frames that a machine can have.
std::optional<SelfMap> top_table64(base::Bytes table, std::uint64_t page) {
  if (!any_points_to(table, page)) return std::nullopt;
  std::uint64_t itself = 0, used = 0;
  for (std::uint64_t i = 256; i < 512; ++i) {
    const std::uint64_t entry = table.get_or<std::uint64_t>(i * 8, 0);
    if ((entry & valid) == 0) continue;
    ++used;
    if ((entry & frame_bits) >> 46 != 0) return std::nullopt;  // 64 TB
    if (!points_to(entry, page)) continue;
    if (itself != 0) return std::nullopt;
    itself = entry;
  }
  // The top table of five levels may have one entry besides, the last.
  const std::uint64_t last = table.get_or<std::uint64_t>(511 * 8, 0);
  const bool is_of_five = used == 2 && (last & valid) != 0 && last != itself;
  if (itself == 0 || (used < 3 && !is_of_five)) return std::nullopt;
  if ((itself & arm64_used) == arm64_used) {
    return SelfMap{base::Architecture::arm64, false, page};
  }
  if ((itself & accessed) == 0) return std::nullopt;
  return SelfMap{base::Architecture::x64, false, page};
}

// x86 maps its tables at C0000000. With PAE they are the fourth table's first four entries, of
// which the last points back.
std::optional<SelfMap> directory_pae(base::Bytes table, std::uint64_t page) {
  if (!points_to(table.get_or<std::uint64_t>(3 * 8, 0), page)) return std::nullopt;
  for (std::uint64_t i = 0; i < 4; ++i) {
    const std::uint64_t entry = table.get_or<std::uint64_t>(i * 8, 0);
    if ((entry & (valid | accessed)) != (valid | accessed)) return std::nullopt;
    if ((entry & frame_bits) >> 36 != 0 || (i < 3 && points_to(entry, page))) return std::nullopt;
  }
  return SelfMap{base::Architecture::x86, true, page};
}

// Without PAE it is entry 0x300.
std::optional<SelfMap> directory32(base::Bytes table, std::uint64_t page) {
  const std::uint32_t itself = table.get_or<std::uint32_t>(0x300 * 4, 0);
  if ((itself & frame_bits32) != page || (itself & (valid | accessed)) != (valid | accessed)) {
    return std::nullopt;
  }
  // Tables of pool that was never touched are empty, or marked as to be made.
  std::uint32_t used = 0, unused = 0;
  for (std::uint64_t i = 0x200; i < 0x400; ++i) {
    const std::uint32_t entry = table.get_or<std::uint32_t>(i * 4, 0);
    if (entry != 0) ++((entry & valid) != 0 ? used : unused);
  }
  if (used < 16 || unused > used / 4) return std::nullopt;
  return SelfMap{base::Architecture::x86, false, page};
}

}  // namespace

std::optional<SelfMap> find_self_map(const base::ByteSource& physical,
                                     const std::function<bool(const SelfMap&)>& take) {
  if (const auto block = find_start_block(physical)) {
    const auto named =
        top_table64(physical.view(block->page_tables, page_size), block->page_tables);
    if (named && take(*named)) return named;
  }
  std::uint64_t page = page_size;  // page 0 is the firmware's
  for (std::uint64_t place = 0; place < most_places && page < end_of_memory; ++place) {
    const base::Bytes table = physical.view(page, page_size);
    if (table.empty()) {
      const std::uint64_t next = physical.hole_end(page);
      if (next >= end_of_memory) break;
      page = (next + page_size - 1) / page_size * page_size;
      continue;
    }
    auto found = top_table64(table, page);
    if (!found) found = directory_pae(table, page);
    if (!found) found = directory32(table, page);
    if (found && take(*found)) return found;
    page += page_size;
  }
  return std::nullopt;
}

std::optional<SelfMap> find_self_map(const base::ByteSource& physical) {
  return find_self_map(physical, [](const SelfMap&) { return true; });
}

bool take_self_map(Dump& dump) {
  const auto found = dump.physical ? find_self_map(*dump.physical) : std::nullopt;
  if (!found) {
    dump.warnings.push_back(
        "the file does not say of what processor it is, and no page tables of a Windows kernel "
        "were found in its first 64 GB of memory");
    return false;
  }
  dump.architecture = found->architecture;
  dump.pae = found->pae;
  dump.directory_table_base = found->directory_table_base;
  const std::string where = fmt::format(", in the page at {:#x}", found->directory_table_base);
  dump.warnings.push_back(
      fmt::format("the file does not say of what processor it is: {}{} was concluded from page "
                  "tables that map themselves{}",
                  base::name_of(found->architecture), found->pae ? " with PAE" : "", where));
  return true;
}

}  // namespace ntstack::dump
