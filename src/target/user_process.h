// The user half of a process, as its PEB and TEBs describe it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"
#include "dump/dump.h"
#include "target/machine.h"

namespace ntstack::target {

// The images that the loader lists (PEB.Ldr, in load order: the program first); empty where the PEB
// can't be read. `memory` is the process's. A 32-bit PEB lists the 32-bit images of a WOW64
// process.
std::vector<dump::ModuleRecord> read_user_modules(const base::ByteSource& memory, std::uint64_t peb,
                                                  bool is_64_bit);

// The stack that a TEB describes (NT_TIB's StackBase and StackLimit).
std::optional<StackSegment> read_user_stack(const base::ByteSource& memory, std::uint64_t teb,
                                            bool is_64_bit);

}  // namespace ntstack::target
