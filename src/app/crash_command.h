// ntstack crash: stops the machine with a bugcheck of our own, for a full memory dump.
#pragma once

#include <cstdio>

#include "capture/system.h"

namespace ntstack::app {

struct CrashOptions {
  bool is_meant = false;  // --yes-crash-this-machine
};

// Says what would happen, and whether a dump would come of it. `system`: null elsewhere than on
// Windows. Returns an ExitCode where the machine goes on.
int run_crash(const CrashOptions& options, capture::System* system, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
