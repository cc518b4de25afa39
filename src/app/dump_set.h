// Several dumps that are read together: files, and folders of them.
#pragma once

#include <string>
#include <vector>

#include "app/session.h"
#include "report/facts.h"
#include "stacks/stack.h"

namespace ntstack::app {

struct DumpSet {
  std::vector<Session> sessions;   // kernel dumps first
  std::vector<std::string> notes;  // files of folders that are none or damaged, a sentence each
};

// A folder stands for every dump in it, by name. What the user named must open; of a folder's files
// one at least. `paths`: its dump is not used.
base::Result<DumpSet> open_dumps(const std::vector<std::string>& dumps, const DumpOptions& paths);

// A note where triage dumps are of several processes; else empty.
std::string processes_note(const std::vector<Session>& sessions);

// Threads of user dumps whose kernel stack no dump has, and why, as far as the kernel's own account
// tells.
std::vector<report::MissingThread> missing_threads(const std::vector<Session>& sessions,
                                                   const std::vector<stacks::Stack>& stacks);

}  // namespace ntstack::app
