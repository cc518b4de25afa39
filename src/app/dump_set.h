// Several dumps that are read together: files, and folders of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/session.h"
#include "app/unpacked.h"
#include "dump/bundle.h"
#include "report/facts.h"
#include "stacks/stack.h"

namespace ntstack::app {

struct DumpSet {
  // Before the sessions: their dumps are mapped from these folders.
  std::vector<std::shared_ptr<const Unpacked>> unpacked;
  std::vector<Session> sessions;      // kernel dumps first
  std::vector<dump::Bundle> bundles;  // of folders that capture wrote
  // Files of folders that are none or damaged, what captures said; a sentence each.
  std::vector<std::string> notes;
};

// A folder stands for every dump in it, by name. What the user named must open; of a folder's files
// one at least. A folder with a capture.json stands for the dumps that it lists, a zip for the
// folder that it unpacks to. `paths`: its dump is not used.
base::Result<DumpSet> open_dumps(const std::vector<std::string>& dumps, const DumpOptions& paths);

// A note where triage dumps are of several processes; else empty.
std::string processes_note(const std::vector<Session>& sessions);

// Threads of user dumps and of captures whose kernel stack no dump has, and why, as far as the
// kernel's own account tells, or the capture's.
std::vector<report::MissingThread> missing_threads(const DumpSet& set,
                                                   const std::vector<stacks::Stack>& stacks);

}  // namespace ntstack::app
