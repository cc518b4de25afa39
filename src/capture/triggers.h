// Waiting for what is worth a capture: a window that hangs, a process that uses the processors.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "capture/system.h"

namespace ntstack::capture {

struct Trigger {
  std::optional<std::uint32_t> hang_seconds;  // a window of the process hangs so long
  // The process uses so much of all processors together, for so many seconds in a row.
  std::optional<double> cpu_percent;
  std::uint32_t cpu_seconds = 5;

  bool is_set() const { return hang_seconds.has_value() || cpu_percent.has_value(); }
};

// What was waited for, a sentence; empty where `cancel` came first. Looks once a second, and fails
// where the process ends. `tell` hears what is seen; it may be empty.
base::Result<std::string> wait_for(System& system, const ProcessFacts& process,
                                   const Trigger& trigger,
                                   const std::function<void(const std::string&)>& tell,
                                   const std::atomic<bool>& cancel);

// "5s", "500ms", "2m" as milliseconds; a number alone is of seconds.
base::Result<std::uint64_t> duration_of(const std::string& text);

}  // namespace ntstack::capture
