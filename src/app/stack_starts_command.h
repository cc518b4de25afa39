// ntstack stack-starts: where a thread's stack may begin.
#pragma once

#include <cstdio>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct StackStartsOptions {
  DumpOptions dump;
  ThreadOptions threads;
  std::size_t top = 20;  // starts that are shown
  bool json = false;
};

int run_stack_starts(const StackStartsOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
