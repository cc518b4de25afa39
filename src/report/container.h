// What kind of dump it is, in words, and what its container holds.
#pragma once

#include <string>

#include "dump/dump.h"
#include "target/kernel/kernel.h"

namespace ntstack::report {

// "kernel triage dump", "bitmap kernel dump of a running machine", "ELF memory core".
std::string container_name(const dump::Dump& dump);

// Lines of `info`: physical memory, registers that the container saved. Empty where it has none of
// them.
std::string container_lines(const dump::Dump& dump);

// Lines of `info`: page tables, nt and KDBG, and how each was found. Empty where none is known.
std::string kernel_lines(const target::Kernel& kernel);

}  // namespace ntstack::report
