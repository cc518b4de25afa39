// Finds processes and threads by what they look like, where the lists that should lead to them are
// broken or not known.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/byte_source.h"
#include "target/structures.h"

namespace ntstack::target {

struct ObjectScan {
  std::vector<std::uint64_t> processes, threads;  // addresses of what looks like one
  std::uint64_t bytes = 0;                        // that were looked at
  bool is_whole = true;  // false: there was more kernel memory than is looked at
};

// How much of the kernel's memory is looked through.
struct ScanLimits {
  std::uint64_t bytes = 0;      // that are there
  std::size_t holes = 0x20000;  // that are passed over
};

// Looks through the kernel's memory: first around the objects in `near`, then everywhere else from
// low to high addresses. What is found may be the remains of an object: is_live tells.
ObjectScan scan_for_objects(const base::ByteSource& memory, const Layout& layout,
                            std::span<const std::uint64_t> near, const ScanLimits& limits);

// True where the object at `address` can be nothing but a process: its type, its ID and its page
// tables, and lists that are lists.
bool looks_like_process(const base::ByteSource& memory, std::uint64_t address,
                        const Layout& layout);

// False for an object that was taken out of its list, or that its list does not know: the
// LIST_ENTRY at `entry` names neighbours that are linked to others. Broken neighbours are no
// evidence.
bool is_live(const base::ByteSource& memory, std::uint64_t entry, bool is_64_bit);

}  // namespace ntstack::target
