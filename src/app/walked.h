// The stacks of several dumps, walked for a command, with the files that they lack: got from
// servers where the symbol path has any, and walked again with them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "app/downloads.h"
#include "app/dump_set.h"
#include "app/thread_choice.h"
#include "stacks/file_needs.h"

namespace ntstack::app {

struct Walked {
  DumpSet set;                            // what the stacks point into
  std::vector<stacks::Stack> stacks;      // each thread once
  std::vector<symbols::Missing> missing;  // what was not at hand for them
  std::vector<std::string> notes;         // on how they were put together
  std::vector<stacks::FileNeeds> needs;   // of every module on them, where asked for
};

struct WalkRequest {
  const std::vector<std::string>& dumps;  // files and folders, UTF-8
  const DumpOptions& paths;               // its dump is not used
  const ThreadChoice& choice;
  Downloads* downloads;     // of the same paths
  bool with_needs = false;  // fills Walked::needs
  // Instead of the dumps; what it gives stays good as long as the request.
  std::function<DumpSet(const DumpOptions&)> opened = {};
};

// The chosen stacks of every dump, after files were got from servers in as many rounds as it takes:
// an image shows what else is on a stack.
base::Result<Walked> walk_dumps(const WalkRequest& request);

// What is printed of them; parts of `walked` are moved into it, the rest outlives it. `is_all`: of
// no choice of threads, so that those that have no stack are named.
report::StackFacts stack_facts_of(Walked& walked, bool is_all);

}  // namespace ntstack::app
