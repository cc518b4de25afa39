// Raw physical memory: a file in which each byte stands at its own physical address, and nothing
// else. Taken only where page tables of a Windows kernel are in it.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "dump/dump.h"

namespace ntstack::dump {

// Nothing where the bytes don't look like a machine's memory.
std::optional<Dump> parse_raw(base::Bytes file);

}  // namespace ntstack::dump
