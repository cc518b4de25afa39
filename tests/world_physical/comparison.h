// What `ntstack stacks --json` says of a machine, against what is true of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "world_physical/physical_machine.h"

namespace ntstack::world {

struct Expected {
  const KernelData& kernel;
  std::span<const LoadedImage> images;
  unsigned crashed = 1;  // the processor
  bool names = true;     // the symbols are at hand
  bool wait_reasons = true;
  // Frames may be found by a scan and still have to be right; a stack without one may end early.
  bool may_guess = false;
};

// Differences, a line each, at most `most`: threads that lack or are too many, ids, states, wait
// reasons, frames, names, processors. Empty: the report is the truth.
std::vector<std::string> stack_differences(const nlohmann::json& report, const Expected& expected,
                                           std::size_t most = 20);

// Of `ntstack info --json`: modules, unloaded modules, processors.
std::vector<std::string> info_differences(const nlohmann::json& report, const Expected& expected);

}  // namespace ntstack::world
