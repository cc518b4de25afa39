// The 32-bit half of a thread of a WOW64 process: what its 64-bit TEB leads to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/byte_source.h"
#include "target/machine.h"

namespace ntstack::target {

struct Wow64Thread {
  std::uint64_t teb = 0;              // TEB32
  std::uint64_t peb = 0;              // PEB32; 0 where the TEB32 does not say
  std::optional<StackSegment> stack;  // of 32-bit code
  // The x86 CONTEXT with which the thread left 32-bit code the last time; empty where it is not in
  // the memory. While the thread runs 32-bit code it is an old one.
  std::vector<std::byte> context;
};

// `memory` is the process's, `teb` the 64-bit TEB. Nothing for a thread of a 64-bit process, and
// for one whose 32-bit code is not x86 (ARM32). Fields: public PDB types of ntdll and wow64cpu.
std::optional<Wow64Thread> read_wow64_thread(const base::ByteSource& memory, std::uint64_t teb);

}  // namespace ntstack::target
