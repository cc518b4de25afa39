// Stacks of several dumps put together: a process's triage dumps, each with some of its threads,
// and a user dump of the same process.
#pragma once

#include <string>
#include <vector>

#include "stacks/stack.h"

namespace ntstack::stacks {

struct DumpStacks {
  std::vector<Stack> stacks;
  bool is_user = false;  // a user minidump's
  std::string dump;      // its name, for notes
};

// Each thread once, in the order of the dumps: of two stacks of one thread in kernel dumps the one
// with more frames. A user dump's stack is put below the kernel's of the same thread where that
// entered the kernel from exactly the user's instruction and stack pointer; else both are given,
// and a note says that they are of different moments.
std::vector<Stack> join(std::vector<DumpStacks> dumps);

}  // namespace ntstack::stacks
