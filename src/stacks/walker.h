// Walks whole stacks: where to begin, and what belongs together. The steps are Stepper's.
#pragma once

#include <span>
#include <vector>

#include "stacks/starts.h"
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
  // The stack from registers that somebody gives, in the kernel: `k = ...`. `thread`: whose stacks
  // and trap frames they may lead to; may be null.
  Stack walk_from(const Registers& start, bool is_call_site, const target::Thread* thread);
  // Where the stack of a thread may begin, the best first: every register set that the dump has of
  // it, and every place of its stack in use.
  std::vector<StartCandidate> starts_of(const target::Thread& thread);
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
  Walk walk_on(std::span<const target::Processor> processors, const target::Thread* thread) const;
  std::vector<StartCandidate> known_starts(const target::Thread& thread, const Walk& walk) const;
  std::optional<StartCandidate> find_start(const target::Thread& thread, const Walk& walk);
  bool leads_nowhere(const Walk& walk, const Registers& start) const;
  Stack walk_reconstructed(Walk walk, const target::Thread& thread);
  void finish(Walk& walk, const target::Thread* thread);
  Stack walk_user_thread(const target::Thread& thread);
  Stack walk_captured_thread(const target::Thread& thread);
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
