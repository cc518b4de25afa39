// What a thread and a process tell of themselves beside where their stacks are: times, priorities,
// sessions. Read when asked for. What can't be is unknown. An offset of another build
// (nearest_table) serves for times alone, which bear themselves out.
#pragma once

#include <cstdint>
#include <optional>

#include "target/machine.h"

namespace ntstack::target {

struct ThreadFacts {
  std::optional<std::uint64_t> create_time;  // FILETIME
  std::optional<std::uint64_t> exit_time;    // FILETIME; of a thread that exits or has exited
  std::optional<std::uint32_t> kernel_ticks, user_ticks;  // on a processor; see Clock
  std::optional<std::uint32_t> wait_start;  // the tick count when it last began to wait
  std::optional<std::uint32_t> context_switches;
  std::optional<std::uint8_t> priority, base_priority;  // 0 to 31
  std::optional<std::uint64_t> start_address, win32_start_address;
  std::optional<bool> is_exiting;  // CrossThreadFlags.Terminated
};
ThreadFacts read_thread_facts(const Machine& machine, const Thread& thread);

// KTHREAD_STATE Terminated: the thread is an object alone.
bool is_terminated(const Thread& thread);
// Waiting, or stopped by a triage capture while it waited.
bool is_waiting(const Thread& thread);
// KTHREAD.KernelStackResident: false while the kernel stack is swapped out. A thread in the state
// Transition waits for its stack to be read back.
std::optional<bool> is_stack_resident(const Machine& machine, const Thread& thread);
// KTHREAD.LargeStack: its kernel stack is one that grows. Nothing where the build has no such flag
// (Windows 8 and later), or where it is not known.
std::optional<bool> has_large_stack(const Machine& machine, const Thread& thread);

struct ProcessFacts {
  std::optional<std::uint64_t> create_time, exit_time;  // FILETIME
  std::optional<std::uint32_t> session_id;              // none for processes without a session
  std::optional<std::uint32_t> active_threads;
  // Where kernel addresses are hidden from user mode; like CR3, with flags in the low 12 bits.
  std::optional<std::uint64_t> user_directory_table_base;
  std::optional<bool> is_exiting;
  bool is_wow64 = false;
  std::optional<std::uint64_t> wow64_peb;  // PEB32
};
ProcessFacts read_process_facts(const Machine& machine, const Process& process);

// The clock interrupt: KUSER_SHARED_DATA (public SDK header ntddk.h), where the dump has it.
struct Clock {
  std::optional<std::uint32_t> ticks;        // since the start, low half
  std::optional<std::uint32_t> tick_length;  // 100 ns: 156250 as a rule
};
Clock read_clock(const Machine& machine);

}  // namespace ntstack::target
