// Writes a kernel triage dump of a built world, as Windows' NtSystemDebugControl(29) lays it out.
//
// From public facts and real dumps: the header, TRIAGE_DUMP64, driver list, data blocks,
// KDDEBUGGER_DATA64, the order of what is written, the forged KSWITCH_FRAME of every thread but the
// first, the list of statuses behind "TCSB". Ours, since no such dump could be had to compare with:
// the exact placing and alignment of the parts, the order of the descriptors (descending, as if
// built from the buffer's end), zeros in fields that no reader is known to use, and that a thread
// may stand in the dump with the KSWITCH_FRAME that it had.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

// `threads` in request order; those with Capture::none give only their status.
std::vector<std::uint8_t> write_triage_dump(const KernelWorld& world,
                                            std::span<const ThreadTruth> threads);

}  // namespace ntstack::world
