// What a thread is blocked in: the youngest frame that is not the kernel's own machinery of
// waiting.
#pragma once

#include "stacks/stack.h"

namespace ntstack::analysis {

// Null: the stack has no frames. A stack of such machinery alone gives its oldest frame.
const stacks::Frame* blocker_of(const stacks::Stack& stack);

// Whether the thread waits as threads do that have nothing to do: a worker for work, a user thread
// in a wait of its own, an idle thread. No frame of another module than the kernel's (and
// win32k's) is on the stack then.
bool is_usual_wait(const stacks::Stack& stack);

}  // namespace ntstack::analysis
