// A machine or process that did not crash: what its threads do, as far as their states and stacks
// tell. Who waits for whom is not here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/wait_words.h"
#include "stacks/stack.h"
#include "target/machine.h"

namespace ntstack::analysis {

// Threads whose stacks are the same by their normalised frames, those of the wait itself apart.
struct StackGroup {
  std::vector<std::size_t> stacks;  // indexes, in the order of the stacks
  std::vector<std::string> frames;  // youngest first
  std::optional<WaitWords> waits;   // what they wait for, by the first of them
  std::size_t processes = 0;        // of how many processes they are
  bool has_guesses = false;         // some frame of the first is a guess
};

struct LongWait {
  std::size_t stack = 0;          // its index
  std::uint32_t ticks = 0;        // since it began to wait
  std::optional<double> seconds;  // where the length of a tick is known
  std::optional<WaitWords> waits;
};

struct Counted {
  std::string what;
  std::size_t count = 0;
};

struct Hang {
  std::size_t threads = 0, with_stack = 0;
  std::vector<Counted> states;        // "Waiting", "Running", "not known": by falling count
  std::vector<Counted> wait_reasons;  // of waiting threads: "UserRequest"
  std::vector<StackGroup> groups;     // those that wait for locks, I/O and replies first, by size
  std::vector<LongWait> longest;      // no idle ones; the longest first
  std::size_t without_wait_time = 0;  // waiting threads of which the dump does not tell since when
};
Hang hang_of(const target::Machine& machine, const std::vector<stacks::Stack>& stacks);

}  // namespace ntstack::analysis
