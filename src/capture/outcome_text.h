// What became of a thread that was to be captured, as a sentence with its remedy.
#pragma once

#include <string>

#include "capture/triage_capture.h"

namespace ntstack::capture {

// How the capture came to its end.
struct Ending {
  std::size_t thread_room = 0;    // bytes that a dump has for threads
  std::uint64_t time_budget = 0;  // milliseconds
  bool was_cancelled = false, ran_out_of_time = false;
  bool gave_up = false;  // dump after dump had no room for a stack
};

// Of its outcome, status and what its dump has; without a full stop.
std::string outcome_text(const ThreadRecord& thread, const Ending& ending);

}  // namespace ntstack::capture
