// What of a stack's room its size does not tell: whether it is one that grows, and whether its
// guard page is there.
#pragma once

#include "analysis/stack_account.h"
#include "target/machine.h"

namespace ntstack::analysis {

// Both, for a stack of `thread` (null: of a processor): by KTHREAD.LargeStack and the dump's page
// tables, as far as there are any. What is not known stays as it was.
void look_at_room(const target::Machine& machine, const target::Thread* thread, SegmentUse& use);

// The page below a stack.
Guard guard_below(const target::Machine& machine, const target::StackSegment& segment);

}  // namespace ntstack::analysis
