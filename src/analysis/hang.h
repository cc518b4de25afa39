// A machine or process that did not crash: what its threads do, as far as their states and stacks
// tell. Who waits for whom is not here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/stack_groups.h"
#include "analysis/wait_words.h"
#include "stacks/stack.h"
#include "target/machine.h"

namespace ntstack::analysis {

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
  std::vector<StackGroup> groups;     // what is unusual first
  std::vector<LongWait> longest;      // no idle ones; the longest first
  std::size_t without_wait_time = 0;  // waiting threads of which the dump does not tell since when
};
Hang hang_of(const target::Machine& machine, const std::vector<stacks::Stack>& stacks);

}  // namespace ntstack::analysis
