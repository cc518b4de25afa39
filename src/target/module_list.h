// The kernel's own lists of images: PsLoadedModuleList and MmUnloadedDrivers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "dump/dump.h"

namespace ntstack::target {

struct ModuleList {
  std::vector<dump::ModuleRecord> modules;  // in load order
  std::string broken;                       // as ListWalk's
};

// `head` is PsLoadedModuleList. Sizes and names are the list's; timestamps and checksums are the
// images' own headers'. Where those are not in the dump the timestamp is the list's entry's, which
// only Windows 10 and later have there: a key that fits no file does no harm.
ModuleList read_loaded_modules(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit);

// `array` is the address of MmUnloadedDrivers (a pointer to 50 entries); the last unloaded first.
std::vector<dump::UnloadedModuleRecord> read_unloaded_modules(const base::ByteSource& memory,
                                                              std::uint64_t array, bool is_64_bit);

}  // namespace ntstack::target
