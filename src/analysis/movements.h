// Threads of one process or machine, seen several times: which have moved, which are where they
// were, which are new and which are gone.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stacks/stack.h"

namespace ntstack::analysis {

// One look at them.
struct Snapshot {
  std::span<const stacks::Stack> stacks;  // each thread once
  // How often the thread had been given a processor by then, where it is known; may be empty.
  std::function<std::optional<std::uint32_t>(const target::Thread&)> context_switches;
};

enum class Movement : std::uint8_t {
  still,      // the same stack each time
  moved,      // another stack at least once
  appeared,   // not there at first
  ended,      // not there at last
  not_known,  // its stack is known less than twice
};
std::string_view name_of(Movement movement);  // "still": JSON

struct ThreadMovement {
  Movement movement = Movement::not_known;
  std::vector<const stacks::Stack*> stacks;  // by snapshot; null where it is not
  std::size_t changes = 0;                   // of its stack from one look to the next
  // How often it was given a processor between the first look and the last: 0 says that it did not
  // run at all. An APC that captures a stack counts too.
  std::optional<std::uint32_t> switches;

  const stacks::Stack& first() const;  // where it was first seen
};

// In the order of the first snapshot, new threads behind. A thread is the same if process, ID,
// object and creation time are, as far as they are known.
std::vector<ThreadMovement> compare(std::span<const Snapshot> snapshots);

// Whether two stacks of one thread are the same place: every frame at the same address and stack
// pointer, but for the way of the APC that captured them.
bool is_same_place(const stacks::Stack& a, const stacks::Stack& b);

}  // namespace ntstack::analysis
