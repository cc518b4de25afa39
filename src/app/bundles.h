// Folders that `ntstack capture` wrote: which of their dumps are read, and what capture.json adds
// to what the dumps say.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "dump/bundle.h"
#include "report/facts.h"
#include "stacks/stack.h"

namespace ntstack::app {

// Of a folder without a capture.json: nothing.
base::Result<std::optional<dump::Bundle>> bundle_in(const std::filesystem::path& folder);

struct BundleDumps {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> notes;  // what is listed and not there; what the capture itself said
};
BundleDumps dumps_of(const dump::Bundle& bundle, const std::filesystem::path& folder);

// Threads' names, and the states in which the capture found them: where a kernel's APC captured a
// thread, its dump says neither.
void add_states(const std::vector<dump::Bundle>& bundles, std::vector<stacks::Stack>& stacks);

// The threads that the bundles list and whose kernel stack is not among these, with the capture's
// reason.
std::vector<report::MissingThread> missing_in(const std::vector<dump::Bundle>& bundles,
                                              const std::vector<stacks::Stack>& stacks);

}  // namespace ntstack::app
