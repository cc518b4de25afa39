// ntstack diff: threads between captures.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct DiffOptions {
  // Two or more dumps or captures in order; or one folder whose folders are captures, as
  // `capture --count` writes them.
  std::vector<std::string> captures;
  DumpOptions paths;  // its dump is not used
  ThreadOptions threads;
  bool json = false;
  bool json_lines = false;
};

int run_diff(const DiffOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
