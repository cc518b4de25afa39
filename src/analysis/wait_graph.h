// Waits joined into a graph: who waits for whom, where chains begin, who waits in a circle, and how
// many wait behind each object. Plain lists that refer to each other by index.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/wait_owners.h"
#include "analysis/waits.h"

namespace ntstack::analysis {

// An object that somebody waits for.
struct AwaitedObject {
  WaitedObject object;               // as the surest of the waits has it
  std::vector<std::size_t> waiters;  // indexes in WaitGraph::waits
  std::vector<Holder> holders;
  std::string why_no_holder;  // a sentence, where there is none
  bool is_free = false;       // the object itself says that nobody has it
  // How many threads wait for it, or for what threads that wait for it hold, and so on. Each once.
  std::size_t behind = 0;
};

// Threads that wait for each other: each step's object is held by the thread of the next step, the
// last one's by that of the first.
struct WaitCycle {
  struct Step {
    std::size_t wait = 0;    // index in WaitGraph::waits
    std::size_t object = 0;  // that it waits for: index in WaitGraph::objects
  };
  std::vector<Step> steps;
  Certainty certainty = Certainty::possible;  // of its least certain edge
  std::size_t behind = 0;  // threads that wait for the cycle's objects, those of the cycle included
};

struct WaitGraph {
  std::vector<Wait> waits;             // of each thread that waits
  std::vector<AwaitedObject> objects;  // those that waits tell of
  // Of each wait, the objects that it is for: indexes in `objects`.
  std::vector<std::vector<std::size_t>> waits_for;
  // Of each stack that was looked at, what its thread holds: indexes in `objects`.
  std::vector<std::vector<std::size_t>> holds;
  // Of each stack, its wait: an index in `waits`.
  std::vector<std::optional<std::size_t>> wait_of_stack;
  // Objects at which chains begin: whoever holds one waits for nothing that somebody is known to
  // hold. Those of work queues and of single waits without a holder are left out. By falling
  // `behind`.
  std::vector<std::size_t> roots;
  std::vector<WaitCycle> cycles;  // by falling `behind`
  bool is_cut = false;            // there was too much of it: counts are lower bounds
};

// Where a dump's objects are read.
struct WaitSource {
  WaitReader* reader = nullptr;  // null: its stacks are left out
  // Dumps of the same machine and boot have the same number: an address is one object in all.
  std::uint32_t machine = 0;
};

// `sources`: by Stack::dump. `is_stopped` is asked before each stack; may be empty.
WaitGraph wait_graph_of(std::span<const stacks::Stack> stacks, std::span<const WaitSource> sources,
                        const std::function<bool()>& is_stopped = {});

// The last step alone, over waits, objects, their waiters and holders (with their stacks), and
// waits_for: fills `holds`, `wait_of_stack`, the counts, roots and cycles. `stacks`: how many there
// are.
void join_waits(WaitGraph& graph, std::size_t stacks);

}  // namespace ntstack::analysis
