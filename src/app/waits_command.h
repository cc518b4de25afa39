// ntstack waits: who waits for whom.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"

namespace ntstack::app {

struct WaitsOptions {
  std::vector<std::string> dumps;  // files and folders, UTF-8
  DumpOptions paths;
  bool verbose = false;
  bool json = false;
  bool json_lines = false;
};

int run_waits(const WaitsOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
