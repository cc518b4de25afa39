// What an input costs: bytes that were allocated, and steps. Both only grow.
#pragma once

#include <cstdint>

namespace ntstack::fuzz {

struct Work {
  // Of malloc and its like, whoever called; what was freed again counts too.
  std::uint64_t bytes = 0;
  // clang's sanitizer build: comparisons of integers and switches that were executed, which every
  // loop has. The coverage build: stretches of code between branches that were entered. 0: this
  // build has nothing to count by.
  std::uint64_t steps = 0;
};

Work work_so_far();

}  // namespace ntstack::fuzz
