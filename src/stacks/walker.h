// Walks whole stacks: where to begin, step by step, across trap frames and stack switches, and
// where to stop. What can't be unwound is scanned, and shown as scanned.
#pragma once

#include <optional>
#include <vector>

#include "stacks/module_map.h"
#include "stacks/registers.h"
#include "stacks/stack.h"
#include "unwind/x64_cache.h"

namespace ntstack::stacks {

class Walker {
 public:
  // Both outlive the walker and the stacks that it makes.
  Walker(const target::Machine& machine, symbols::Symbolizer& symbolizer);

  // The stack of a processor's current thread, from the processor's own context.
  Stack walk_processor(const target::Processor& processor);
  // The stack of a thread that is on no processor, or of a user minidump's thread.
  Stack walk_thread(const target::Thread& thread);
  // Every processor in order, then every other thread.
  std::vector<Stack> walk_all();

 private:
  struct Walk;  // one walk under way
  struct Anchor;

  std::vector<Anchor> anchors_of(const target::Thread* thread) const;
  void run(Walk& walk) const;
  bool step_exactly(Walk& walk) const;
  bool step_by_anchor_or_scan(Walk& walk) const;
  bool continue_below(Walk& walk) const;
  void finish(Walk& walk) const;
  void name_frames(std::vector<Frame>& frames) const;
  void add_bugcheck_path(const target::Processor& processor, const Registers& crash,
                         Stack& stack) const;

  const target::Machine& machine_;
  symbols::Symbolizer& symbolizer_;
  ModuleMap modules_;
  mutable unwind::x64::RuleCache cache_;
};

}  // namespace ntstack::stacks
