// Walks whole stacks: where to begin, and what belongs together. The steps are Stepper's.
#pragma once

#include <vector>

#include "stacks/stepper.h"
#include "stacks/user_part.h"
#include "stacks/why_missing.h"

namespace ntstack::stacks {

class Walker {
 public:
  // Both outlive the walker and the stacks that it makes. `make` is for the images of processes
  // whose memory the dump has; without it, stacks end where user mode begins.
  Walker(const target::Machine& machine, symbols::Symbolizer& symbolizer, SymbolizerMaker make = {})
      : machine_(machine),
        symbolizer_(symbolizer),
        stepper_({machine.dump().architecture, machine.kernel().build(), &machine.memory(),
                  &symbolizer, machine.dump().kind != dump::Kind::minidump}),
        user_part_(machine, std::move(make)),
        wow64_part_(machine.memory(), symbolizer, machine.kernel().build()) {}

  // The stack of a processor's current thread: the crash's where the header tells of one, else from
  // the processor's own context, else as a thread that is on no processor.
  Stack walk_processor(const target::Processor& processor);
  // The stack of a thread that is on no processor, or of a user minidump's thread.
  Stack walk_thread(const target::Thread& thread);
  // From registers that somebody gives; they count as a context. `is_call_site`: the instruction
  // pointer is a return address. `thread` may be null: whose stacks and trap frames are known.
  Stack walk_from(const Registers& start, bool is_call_site, const target::Thread* thread);
  // Every processor in order, then every other thread; processors of which the dump has neither a
  // context nor a thread are left out. With `is_wanted` only threads that it takes.
  using IsWanted = std::function<bool(const target::Thread& thread)>;
  std::vector<Stack> walk_all(const IsWanted& is_wanted = {});

  // The one that knows the images of a frame of a stack made here; null where there is none.
  symbols::Symbolizer* symbolizer_of(const Stack& stack, const Frame& frame) const;

  // What was not at hand for the stacks so far.
  std::vector<symbols::Missing> missing() const;

 private:
  std::vector<Anchor> anchors_of(const target::Thread* thread) const;
  std::optional<Registers> find_start(const target::Thread& thread);
  Stack walk_user_thread(const target::Thread& thread);
  static Stack without_start(Walk& walk, WhyMissing why);
  void step_out_of_switch(Walk& walk, std::uint64_t kernel_stack) const;
  std::vector<Frame> bugcheck_path(const target::Processor& processor, const Registers& crash,
                                   const Stack& stack);

  const target::Machine& machine_;
  symbols::Symbolizer& symbolizer_;
  Stepper stepper_;
  UserPart user_part_;
  Wow64Part wow64_part_;  // of user minidumps
};

}  // namespace ntstack::stacks
