// Writes kernel triage dumps of built worlds: those that NtSystemDebugControl(29) makes of a
// process's threads, and those that the kernel makes at a bugcheck.
//
// From public facts and real dumps: the header, TRIAGE_DUMP64, driver list, data blocks,
// KDDEBUGGER_DATA64, what of a processor and of a thread is written, the forged KSWITCH_FRAME of
// every captured thread but the first, the list of statuses behind "TCSB". Ours, since no dump of
// the first kind could be had to compare with: the exact placing and alignment of its parts, the
// order of its descriptors (descending, as if built from the buffer's end), zeros in fields that no
// reader is known to use, the 32-bit KLDR_DATA_TABLE_ENTRY, and that a thread may stand in it with
// the KSWITCH_FRAME that it had.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "world/kernel_objects.h"
#include "world/truth.h"

namespace ntstack::world {

// `threads` in request order; those with Capture::none give only their status.
std::vector<std::uint8_t> write_triage_dump(const KernelObjects& world,
                                            std::span<const ThreadTruth> threads);

// At a bugcheck: every processor with its context and stacks; of thread objects only the crashing
// processor's.
std::vector<std::uint8_t> write_crash_dump(const KernelObjects& world, const Crash& crash);

}  // namespace ntstack::world
