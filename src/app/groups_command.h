// ntstack groups: the same and nearly the same stacks.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "app/session.h"
#include "app/thread_choice.h"

namespace ntstack::app {

struct GroupsOptions {
  std::vector<std::string> dumps;  // of any machines, and folders of them; UTF-8
  DumpOptions paths;               // its dump is not used
  ThreadOptions threads;
  std::size_t top = 20;  // groups of the text; JSON has all
  bool json = false;
  bool json_lines = false;
};

int run_groups(const GroupsOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
