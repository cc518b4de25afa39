// What loops and blocks of commands share: where a line is to be left, and how often loops ran.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace ntstack::console {

class Console;

struct Control {
  enum class Leave : std::uint8_t { nothing, round, loop };  // by .continue, .break
  Leave leave = Leave::nothing;
  std::size_t loops = 0;     // around the command that runs
  std::uint64_t rounds = 0;  // of all loops since the line was entered
  bool runs_again = false;   // z: the line's commands from its first on
};

// One more round of a loop: an error where it was interrupted, or all loops ran as often as they
// may.
base::Result<void> begin_round(Console& console);

// A loop that runs commands: of .for, .foreach, !list.
class Loop {
 public:
  explicit Loop(Console& console);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs `commands` once more. False: the loop is to end, for .break or the session's end. An
  // error: it was interrupted, or it has run as often as loops may.
  base::Result<bool> run(std::string_view commands);

 private:
  Console& console_;
};

}  // namespace ntstack::console
