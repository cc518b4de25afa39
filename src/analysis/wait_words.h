// What a stack says that its thread waits for, by the names of its frames alone: a table. Which
// object that is, and who has it, only the objects tell.
#pragma once

#include <optional>
#include <string_view>

#include "analysis/wait_functions.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

struct WaitWords {
  WaitKind kind = WaitKind::other;
  std::string_view words;  // "an ERESOURCE"
  std::size_t frame = 0;   // index in Stack::frames that says so
  ObjectKind object = ObjectKind::unknown;
};
// Nothing where no frame is known to wait.
std::optional<WaitWords> wait_words_of(const stacks::Stack& stack);

}  // namespace ntstack::analysis
