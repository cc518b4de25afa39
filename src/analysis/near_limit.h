// How near threads are to the limits of their kernel stacks, for all of a machine: by what the
// kernel's objects say, without a walk. And whether a crash was a stack's overflow.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/stack_account.h"
#include "target/machine.h"

namespace ntstack::analysis {

struct ThreadRoom {
  const target::Thread* thread = nullptr;
  SegmentUse use;                // of the stack that is in use
  bool is_on_processor = false;  // by the registers that the dump has of its processor
};

struct NearLimits {
  std::vector<ThreadRoom> threads;  // those with the least left first
  // Threads that are left out: terminated; without a stack pointer or limits in the dump.
  std::size_t terminated = 0, not_known = 0;
};
NearLimits threads_by_room(const target::Machine& machine);

// The use of a segment by a stack pointer in it, or below it in the guard page.
SegmentUse use_of(const target::StackSegment& segment, std::uint64_t sp,
                  base::Architecture architecture);

// Empty where nothing says that the machine crashed for a stack's sake; else a sentence that says
// what does.
struct StackCrash {
  std::string sentence;
  // The crash tells of a stack that was written over, not of one that is full.
  bool is_smashed = false;
  explicit operator bool() const { return !sentence.empty(); }
};
// `crashed`: the stack of the processor that crashed; null: it is not known.
StackCrash stack_crash_of(const target::Machine& machine, const stacks::Stack* crashed);

}  // namespace ntstack::analysis
