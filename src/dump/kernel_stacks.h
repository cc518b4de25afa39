// Kernel stacks that ntstack's driver took of a process's threads, as a minidump that every
// debugger opens: the threads have the kernel's registers and stacks, the modules are the kernel's.
// A user stream of ours says so, and what else the driver told; no other reader needs it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

// Above LastReservedStream (0xffff), where streams are their writers' own.
inline constexpr std::uint32_t kernel_stacks_stream = 0x6e740001;

// Makes a minidump that was read so far one of kernel stacks: its records, the threads that have no
// stack behind those that do, times to 100 ns. Fails where the stream is not ours or of a later
// format; threads that are cut off are left out.
base::Result<void> take_kernel_stacks(base::Bytes stream, std::uint64_t most_threads, Dump& dump);

struct MemoryRange {
  std::uint64_t address = 0, size = 0;
};

// The file of a kernel_stacks dump; what it says of modules, threads, times and the machine is
// written, with what `memory` has of the threads' stacks and of `more`. Fails where that is more
// than a minidump's 4 GB.
base::Result<std::vector<std::byte>> kernel_stacks_file(const Dump& dump,
                                                        std::span<const MemoryRange> more = {});

}  // namespace ntstack::dump
