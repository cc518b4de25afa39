// Which stacks an account of stack use is about: that of the crash, else those nearest to their
// limits.
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

}  // namespace ntstack::analysis
