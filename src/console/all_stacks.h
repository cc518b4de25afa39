// The stacks of all threads of a dump, a process after the other, for commands that look for some
// of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "console/console.h"
#include "stacks/stack.h"

namespace ntstack::console {

// Threads in the order of their processes; those of no known process last, with null.
struct ProcessThreads {
  const target::Process* process = nullptr;
  std::vector<const target::Thread*> threads;
};
std::vector<ProcessThreads> threads_by_process(const target::Machine& machine);

// The stack of a thread, from its processor where it is on one.
stacks::Stack stack_of(Console& console, const target::Thread& thread);

// Walks every thread; ends with an error where the user interrupts.
using VisitStack = std::function<void(const target::Thread& thread, const stacks::Stack& stack)>;
base::Result<void> for_each_stack(Console& console, const VisitStack& visit);

// Whether a frame's symbol is what a user looks for: "nt!Ke*" as a whole, where it has wildcards,
// without them any part of "nt!KeWaitForSingleObject+0x12". In any case of letters.
bool has_symbol(const stacks::Frame& frame, std::string_view wanted);

// "3adc.5920", as Cid has it.
std::string cid_text(const target::Thread& thread);

}  // namespace ntstack::console
