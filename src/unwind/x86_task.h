// x86 task state segments (KTSS): what a task gate leaves behind. A double fault or an NMI enters
// its own task; the registers of what it interrupted are then in that task's segment, and the
// entered segment's Backlink names it. Layout: Intel's manual, volume 3, "Task-State Segment
// (TSS)".
#pragma once

#include <optional>

#include "unwind/x86.h"

namespace ntstack::unwind::x86 {

// Selectors of the GDT that Windows uses for its tasks.
inline constexpr std::uint16_t kMainTask = 0x28, kDoubleFaultTask = 0x50, kNmiTask = 0x58;

struct TaskState {
  Registers registers;  // all of them known; not those of a call site
  std::uint16_t backlink = 0;
  std::uint16_t cs = 0, ss = 0;
  std::uint32_t eflags = 0, cr3 = 0;
  bool from_user = false, from_v86 = false;
};

// The registers that a task was left with. Nothing where memory is missing, or where selectors,
// flags and CR3 are not such as Windows has: a task that never ran has none, and neither has the
// one that runs.
std::optional<TaskState> read_task_state(const base::ByteSource& memory, std::uint32_t address);

// Where the task state segment of a selector lies, by the GDT's descriptor: nothing where that is
// no 32-bit task's or too small.
std::optional<std::uint32_t> task_address(const base::ByteSource& memory, std::uint32_t gdt,
                                          std::uint16_t selector);

// The task that was interrupted by the one at `address`, as its Backlink says.
std::optional<TaskState> read_interrupted_task(const base::ByteSource& memory, std::uint32_t gdt,
                                               std::uint32_t address);

}  // namespace ntstack::unwind::x86
