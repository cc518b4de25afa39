// Stacks of several dumps put together: a process's triage dumps, each with some of its threads,
// and a user dump of the same process.
#pragma once

#include <string>
#include <vector>

#include "stacks/origin.h"
#include "stacks/stack.h"

namespace ntstack::stacks {

struct DumpStacks {
  std::vector<Stack> stacks;
  std::string dump;  // its name, for notes
  Origin origin;
};

struct Joined {
  std::vector<Stack> stacks;       // each says of which of the dumps it is (Stack::dump, user_dump)
  std::vector<std::string> notes;  // what was told apart, and by what: sentences
};

// Each thread once, in the order of the dumps. A thread is the same where the dumps may be of one
// boot and object, ID and creation time are the same, as far as they are known. Of its stacks the
// better is taken: a whole one before a broken one, one without guesses before others, one that a
// user dump's stack goes on from, then the younger.
//
// A user dump's stack is put below the kernel's of the same thread where that entered the kernel
// from exactly the user's instruction and stack pointer; else both are given, and a note says that
// they are of different moments.
Joined join(std::vector<DumpStacks> dumps);

}  // namespace ntstack::stacks
