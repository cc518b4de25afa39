// Cycles in a sequence: what comes again and again, in rounds that need not be quite the same. Over
// the modules or functions of a stack they are its recursion and its re-entrance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ntstack::analysis {

struct Cycle {
  std::size_t first = 0;   // index of the first item of the first round
  std::size_t end = 0;     // behind the last item, a round that is begun and not finished included
  std::size_t rounds = 0;  // whole ones, 2 or more
  std::size_t unfinished = 0;       // items of the round that is begun behind the last
  std::vector<std::size_t> starts;  // of each whole round
  std::vector<std::uint32_t> unit;  // the round that most are like
  bool is_exact = true;             // all rounds are the same
};

struct Cycles {
  std::vector<Cycle> cycles;  // in the sequence's order, without overlaps
  std::uint64_t work = 0;     // comparisons that were made: bounded
};

// Work never exceeds this, whatever the sequence; items behind so many are not looked at.
inline constexpr std::uint64_t kMostCycleWork = 32'000'000;
inline constexpr std::size_t kMostCycleItems = 8192;

// Two rounds count as the same cycle where at least 3 of 4 items are common to both, in order.
// Where cycles overlap the one that covers more counts, then the one of more rounds. Where the work
// would be too much, only rounds that are exactly the same are found.
Cycles find_cycles(std::span<const std::uint32_t> items);

}  // namespace ntstack::analysis
