// Finds where nt is loaded in memory whose container does not say it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dump/dump.h"
#include "memory/page_tables.h"
#include "target/kernel/kernel_image.h"

namespace ntstack::target {

struct KernelFound {
  KernelImage image;
  std::string found_by;             // "the interrupt table of processor 0"
  std::uint64_t version_block = 0;  // KdVersionBlock, where a KPCR named it
};

// By what the processors point to: interrupt tables, KPCRs, code that they execute, and where x64's
// processors begin (the start block in low memory). Reads some pages.
std::optional<KernelFound> find_kernel_by_processors(const dump::Dump& dump,
                                                     const base::ByteSource& memory);

// By looking at what is mapped in the kernel's half of the address space, page after page; ends
// after as many pages as such a machine has. Milliseconds to a second.
std::optional<KernelFound> find_kernel_by_search(const dump::Dump& dump,
                                                 const memory::PageTables& tables);

}  // namespace ntstack::target
