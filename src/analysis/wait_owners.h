// Who has what a thread waits for, as far as the object itself tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/waits.h"

namespace ntstack::analysis {

struct Holder {
  std::uint64_t thread = 0;                // its object; 0: not known, or no thread
  std::optional<std::uint64_t> thread_id;  // where that is all that is known
  // Where no thread is known: "the driver \Driver\disk"; empty else.
  std::string what;
  Certainty certainty = Certainty::possible;
  std::string how;  // "by ERESOURCE.OwnerEntry"
  // Where it is in the stacks that are looked at; set by the graph.
  std::optional<std::size_t> stack;
};

struct Ownership {
  std::vector<Holder> holders;
  std::string why_not_known;  // a sentence, where there are none
  // The object itself says that nobody has it: no search for who might.
  bool is_free = false;
};

// At most 64 holders of an object.
Ownership owners_of(WaitReader& reader, const WaitedObject& object, const stacks::Stack& waiter);

}  // namespace ntstack::analysis
