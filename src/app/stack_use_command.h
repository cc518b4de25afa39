// ntstack stack-use: who uses kernel stacks.
#pragma once

#include <cstdio>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct StackUseOptions {
  DumpOptions dump;
  ThreadOptions threads;
  std::size_t top = 10;  // threads and rows that are shown
  bool json = false;
};

int run_stack_use(const StackUseOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
