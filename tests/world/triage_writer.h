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

// What the kernel's buffer allows, and what else it has to hold. The rules are those that
// facts published on NtSystemDebugControl(29) give: the processors' blocks come first, a block that
// finds no room is left out without a word, a thread whose object finds none ends the capture.
struct SnapRules {
  std::size_t room = SIZE_MAX;     // bytes of the whole dump; Windows: 0x100000
  std::uint32_t more_drivers = 0;  // in the list, with nothing of them in the dump
  std::uint32_t indirect = 0;      // bytes of IRPs, file and device objects for each thread
  bool writes_list = true;         // of statuses: the kernel may have no memory for it
  std::uint64_t time = 0x01d6f0a1c0ffee00;     // FILETIME when it is written: 2021-01-22
  std::uint64_t up_time = 0x000000a1b2c3d400;  // 100 ns
};
struct TriageDump {
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> statuses;  // NTSTATUS of each thread of the request
  std::vector<bool> has_object, has_stack;
  bool has_list = true;  // of those statuses
};
// The statuses of threads with Capture::none are taken as they are.
TriageDump snap_threads(const KernelObjects& world, std::span<const ThreadTruth> request,
                        const SnapRules& rules);

// At a bugcheck: every processor with its context and stacks; of thread objects only the crashing
// processor's.
std::vector<std::uint8_t> write_crash_dump(const KernelObjects& world, const Crash& crash);

}  // namespace ntstack::world
