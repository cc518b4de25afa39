// ntstack analyze: what happened, on one page.
#pragma once

#include <cstdio>

#include "app/session.h"

namespace ntstack::app {

struct AnalyzeOptions {
  DumpOptions dump;  // no dump: with `bugchecks` alone
  bool json = false;
  bool verbose = false;
  bool bugchecks = false;  // lists the bugchecks that are known, instead
};

int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
