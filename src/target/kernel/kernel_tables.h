// The kernel's page tables. What the dump's header names serves where it leads to the kernel; else
// they are looked for: a processor's CR3 may be a process's own tables that map next to nothing of
// the kernel (KVA shadow), and memory without a header names none.
#pragma once

#include <cstdint>
#include <string>

#include "dump/dump.h"
#include "memory/page_tables.h"

namespace ntstack::target {

struct TablesFound {
  memory::Paging paging = memory::Paging::x64;
  std::uint64_t root = 0;  // 0: none
  std::string found_by;    // "the dump's header"
  // A sentence, where nothing of the kernel was seen through them.
  std::string doubt;
};

// The dump has physical memory. Looks through all of it only where nothing else helps.
TablesFound find_kernel_tables(const dump::Dump& dump);

}  // namespace ntstack::target
