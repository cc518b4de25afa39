// Which threads of a live process are captured, and in what order: all in the system's order, or
// those that were asked for first, or those only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/system.h"

namespace ntstack::capture {

struct ThreadRequest {
  std::vector<std::uint32_t> ids;           // --thread
  std::optional<std::uint8_t> wait_reason;  // --wait-reason: threads that wait for it
  std::optional<std::uint8_t> state;        // --state
  // --frame: what the user stacks of the process were searched for. Empty: not asked for.
  std::function<bool(const ThreadFacts&)> has_frame;
  bool only = false;  // the others are left out; else they come behind
};

// From what a command line has: IDs in decimal, or hexadecimal with 0x; names as kd prints them
// ("Waiting", "WrResource"), in any case. Empty texts ask for nothing.
base::Result<ThreadRequest> thread_request_of(const std::vector<std::string>& ids,
                                              const std::string& wait_reason,
                                              const std::string& state);

struct ChosenThreads {
  std::vector<ThreadFacts> threads;  // in the order in which they are captured, each once
  std::size_t first = 0;             // as many of them were asked for; 0: nothing was
  bool is_all = true;                // no thread of the process was left out
};

// Each ID in the request's order, then what else it takes in the system's. Fails where an ID is of
// no thread of the process, or where something is asked for that no thread has.
base::Result<ChosenThreads> choose_threads(const ProcessFacts& process,
                                           const ThreadRequest& request);

// Fails for processes whose threads no triage dump can have, and says what else can be done:
// this program's own, Idle and System.
base::Result<void> check_capturable(const ProcessFacts& process, std::uint32_t own_process_id);

}  // namespace ntstack::capture
