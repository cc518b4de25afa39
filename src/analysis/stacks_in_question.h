// Which stacks an analysis is about: that of the crash, those nearest to their limits, or all.
#pragma once

#include <cstddef>
#include <vector>

#include "analysis/near_limit.h"
#include "stacks/walker.h"

namespace ntstack::analysis {

struct StacksInQuestion {
  std::vector<stacks::Stack> stacks;  // that of the crash alone, or the one with least room first
  StackCrash crash;
  NearLimits near_limits;
};
// For the use of kernel stacks: the stack of a crash for a stack's sake, else at most `most` of
// those nearest to their limits.
StacksInQuestion stacks_by_use(const target::Machine& machine, stacks::Walker& walker,
                               std::size_t most);

// Where an analysis begins.
struct Beginning {
  bool is_by_stack_use = false;      // a crash for a kernel stack's sake, or no crash
  std::uint64_t crashed_thread = 0;  // its object; 0: not known
};
Beginning beginning_of(const target::Machine& machine, stacks::Walker& walker);

}  // namespace ntstack::analysis
