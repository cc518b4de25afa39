#include "target/module_list.h"

#include <algorithm>

#include "base/text.h"
#include "pe/image.h"
#include "target/list.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kMostModules = 4096;
constexpr std::uint32_t kMostName = 1024;  // bytes
constexpr std::uint64_t kMostImage = 0x40000000;
constexpr std::size_t kUnloadedDrivers = 50;  // MI_UNLOADED_DRIVERS

// KLDR_DATA_TABLE_ENTRY (the SDK's wdbgexts.h), by the width of a pointer.
struct EntryLayout {
  std::uint64_t base, size, full_name, base_name;
  std::uint64_t timestamp;  // Windows 10 and later (public PDB types)
};
constexpr EntryLayout kWide{0x30, 0x40, 0x48, 0x58, 0x9c}, kNarrow{0x18, 0x20, 0x24, 0x2c, 0x58};

// UNICODE_STRING {u16 length, u16 capacity, pointer}.
std::string unicode_string(const base::ByteSource& memory, std::uint64_t at, bool is_64_bit) {
  const auto length = memory.get<std::uint16_t>(at);
  const auto buffer = memory.pointer(at + (is_64_bit ? 8 : 4), is_64_bit);
  if (!length || !buffer || *buffer == 0) return {};
  const auto bytes = memory.copy(*buffer, std::min<std::uint32_t>(*length, kMostName));
  return base::utf8_from_utf16(base::Bytes(std::span(bytes)));
}

dump::ModuleRecord read_module(const base::ByteSource& memory, std::uint64_t entry,
                               bool is_64_bit) {
  const EntryLayout& layout = is_64_bit ? kWide : kNarrow;
  dump::ModuleRecord module;
  module.base = memory.pointer(entry + layout.base, is_64_bit).value_or(0);
  module.size = memory.get<std::uint32_t>(entry + layout.size).value_or(0);
  if (module.size > kMostImage || module.size > UINT64_MAX - module.base) module.size = 0;
  module.path = unicode_string(memory, entry + layout.full_name, is_64_bit);
  if (module.path.empty())
    module.path = unicode_string(memory, entry + layout.base_name, is_64_bit);
  if (const auto image = pe::Image::from_memory(memory, module.base)) {
    module.timestamp = image->timestamp();
    module.checksum = image->checksum();
  } else {
    module.timestamp = memory.get<std::uint32_t>(entry + layout.timestamp).value_or(0);
  }
  return module;
}

}  // namespace

ModuleList read_loaded_modules(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit) {
  ModuleList list;
  ListWalk walk = walk_list(memory, head, is_64_bit, kMostModules);
  list.broken = std::move(walk.broken);
  for (const std::uint64_t entry : walk.entries) {
    dump::ModuleRecord module = read_module(memory, entry, is_64_bit);
    if (module.base != 0 && module.size != 0) list.modules.push_back(std::move(module));
  }
  return list;
}

std::vector<dump::UnloadedModuleRecord> read_unloaded_modules(const base::ByteSource& memory,
                                                              std::uint64_t array, bool is_64_bit) {
  std::vector<dump::UnloadedModuleRecord> found;
  const auto first = memory.pointer(array, is_64_bit);
  if (!first || *first == 0) return found;
  // {UNICODE_STRING Name; StartAddress; EndAddress; LARGE_INTEGER CurrentTime}
  const std::uint64_t word = is_64_bit ? 8 : 4;
  const std::uint64_t stride = 4 * word + 8;
  for (std::size_t i = 0; i < kUnloadedDrivers; ++i) {
    const std::uint64_t at = *first + i * stride;
    const auto begin = memory.pointer(at + 2 * word, is_64_bit);
    const auto end = memory.pointer(at + 3 * word, is_64_bit);
    if (!begin || !end) break;
    std::string name = unicode_string(memory, at, is_64_bit);
    if (name.empty() || *begin == 0 || *end < *begin) continue;
    found.push_back({std::move(name), *begin, *end});
  }
  return found;
}

}  // namespace ntstack::target
