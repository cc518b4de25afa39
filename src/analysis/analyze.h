// What happened, put together: the stack in question, who is at fault, the signature, or what the
// threads of a machine that did not crash do, and the findings. Every output of `analyze` is of
// this.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/blame.h"
#include "analysis/hang.h"
#include "analysis/near_limit.h"
#include "analysis/signature.h"
#include "analysis/wait_graph.h"
#include "stacks/walker.h"

namespace ntstack::analysis {

enum class Happened : std::uint8_t {
  crash,        // a bugcheck that stopped the machine
  stack_crash,  // one for a kernel stack's sake
  exception,    // of a process: a user minidump with an exception
  no_crash      // a dump that somebody asked for: its threads are looked at
};
std::string_view name_of(Happened happened);  // "stack_crash": JSON

// A conclusion, what it rests on, and what to do next. Sentences are without their full stop.
struct Finding {
  std::string kind;  // "bugcheck", "blame", "stack", "damage", "guesses", "missing_files", ...
  std::string sentence;
  Confidence confidence = Confidence::high;
  std::vector<std::string> evidence;
  std::vector<std::string> next;
};

struct Analysis {
  Happened happened = Happened::no_crash;
  // The stack in question, alone; of no crash: of every thread.
  std::vector<stacks::Stack> stacks;
  std::string why_this_stack;  // a sentence, where it is not simply the crashed processor's
  StackCrash crash;
  NearLimits near_limits;  // of kernel dumps
  Blame blame;
  std::optional<Signature> signature;
  std::optional<Hang> hang;
  std::optional<WaitGraph> waits;  // beside `hang`: of its stacks
  std::vector<Finding> findings;
  std::vector<symbols::Missing> missing;
  bool was_stopped = false;  // by the user: of the stacks some are lacking

  // Null where nothing crashed or no stack was found.
  const stacks::Stack* stack_in_question() const {
    return happened == Happened::no_crash || stacks.empty() ? nullptr : &stacks.front();
  }
  bool is_crash() const { return happened != Happened::no_crash; }
};

// `is_stopped` is asked before each stack; may be empty. `make`: for the images of processes, as
// the walker has it; may be empty.
Analysis analyze(const target::Machine& machine, stacks::Walker& walker,
                 symbols::Symbolizer& symbolizer, const std::function<bool()>& is_stopped = {},
                 const stacks::SymbolizerMaker& make = {});

}  // namespace ntstack::analysis
