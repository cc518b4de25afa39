// What a stack says that its thread waits for, by the names of its frames alone: a table. Which
// object that is, and who has it, only the objects tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "stacks/stack.h"

namespace ntstack::analysis {

enum class WaitKind : std::uint8_t {
  idle,   // for work: that is how such threads spend their lives
  lock,   // for somebody who has something
  io,     // for a device, a file or a page
  reply,  // for an answer of another thread or process
  other
};
std::string_view name_of(WaitKind kind);  // "lock": JSON

struct WaitWords {
  WaitKind kind = WaitKind::other;
  std::string_view words;  // "an ERESOURCE"
  std::size_t frame = 0;   // index in Stack::frames that says so
};
// Nothing where no frame is known to wait.
std::optional<WaitWords> wait_words_of(const stacks::Stack& stack);

}  // namespace ntstack::analysis
