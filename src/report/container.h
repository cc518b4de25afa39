// What kind of dump it is, in words, and what its container holds.
#pragma once

#include <string>

#include "dump/dump.h"

namespace ntstack::report {

// "kernel triage dump", "bitmap kernel dump of a running machine", "ELF memory core".
std::string container_name(const dump::Dump& dump);

// Lines of `info`: physical memory, page tables, registers that the container saved. Empty where
// it has none of them.
std::string container_lines(const dump::Dump& dump);

}  // namespace ntstack::report
