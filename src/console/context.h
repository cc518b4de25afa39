// What a console's commands look at: a processor, a thread, a process, and registers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analysis/kernel_view.h"
#include "console/register_names.h"
#include "stacks/registers.h"
#include "target/machine.h"

namespace ntstack::console {

// Registers, and where they are from.
struct RegisterContext {
  stacks::Registers registers;
  std::optional<ProcessorFlags> flags;
  std::string from;  // "the trap frame at b8ae64b0"; empty: they are the thread's own
};

struct Context {
  const target::Processor* processor = nullptr;  // null: the dump tells of none
  // The thread that commands look at: the processor's current one, or the one that was chosen.
  const target::Thread* thread = nullptr;
  const target::Process* process = nullptr;  // the implicit one
  // Given by a command (.trap, .cxr); nothing: the thread's own.
  std::optional<RegisterContext> given;
  std::uint64_t frame = 0;  // that .frame chose
  bool is_set = false;      // by .thread: k says so
};

// A context by numbers and addresses: what is left of it when the machine is opened anew.
struct ContextPlace {
  std::optional<std::uint32_t> processor;
  std::uint64_t thread = 0, process = 0;   // addresses; 0: none
  std::optional<std::uint64_t> thread_id;  // of a user dump's, which has no address
  std::optional<RegisterContext> given;
  std::uint64_t frame = 0;
  bool is_set = false;
};
ContextPlace place_of(const Context& context);
Context context_at(const target::Machine& machine, const ContextPlace& place);

// Where a session begins: the crash's processor and thread; of a user dump the thread that crashed.
Context first_context(const target::Machine& machine);
// The context of a processor's current thread.
Context context_of(const target::Machine& machine, const target::Processor& processor);
// That of a thread, on whichever processor it runs.
Context context_of(const target::Machine& machine, const target::Thread& thread);

// The registers of the context: given, the crash's, the processor's, or what the thread was
// switched away with. Nothing where the dump has none of these.
std::optional<RegisterContext> registers_of(const Context& context, const target::Machine& machine);

using analysis::thread_with_stack;

}  // namespace ntstack::console
