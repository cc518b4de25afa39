// ntstack analyze: what happened. It begins where the bugcheck points to.
#pragma once

#include <cstdio>

#include "app/session.h"

namespace ntstack::app {

struct AnalyzeOptions {
  DumpOptions dump;
  bool json = false;
};

// A crash for a kernel stack's sake, and a dump of no crash: as stack-use does it. Any other: the
// stack of the crash.
int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
