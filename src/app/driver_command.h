// ntstack driver: installs, starts, stops and removes the optional driver, and tells how it is.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "capture/system.h"

namespace ntstack::app {

enum class DriverAction : std::uint8_t { install, start, stop, remove, status };

struct DriverCommand {
  DriverAction action = DriverAction::status;
  std::string from;  // install: the driver's file, UTF-8; empty: ntstack.sys beside the program
};

// What was done is said on `out`, what went wrong with its remedy on `err`. `system`: null
// elsewhere than on Windows. Returns an ExitCode: 0 where it is now as it was asked to be; of
// status where the driver runs and answers.
int run_driver(const DriverCommand& command, capture::System* system, std::FILE* out,
               std::FILE* err);

}  // namespace ntstack::app
