// Frames that are on a stack whoever is called: trap frames, the passing on of IRPs, changes of
// stacks, the crash itself. By nt's and fltmgr's public names, and the trap frames that walks find.
#pragma once

#include <cstdint>
#include <string_view>

#include "stacks/stack.h"

namespace ntstack::analysis {

enum class Overhead : std::uint8_t {
  none,
  trap,          // holds a trap frame: a system call, a fault, an interrupt
  dispatch,      // passes IRPs on: nt!IofCallDriver, fltmgr!FltpDispatch
  stack_switch,  // nt!KeExpandKernelStackAndCallout and its like
  crash          // from the fault on: nt!KeBugCheckEx, nt!KiTrap08
};
std::string_view name_of(Overhead overhead);  // "dispatch": JSON

Overhead overhead_of(const stacks::Frame& frame);

// True for a module that comes with Windows, by its name alone.
bool is_windows_own(std::string_view short_name);

}  // namespace ntstack::analysis
