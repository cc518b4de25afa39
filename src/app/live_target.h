// A process that runs now, taken for a command as if a dump of it had been opened.
#pragma once

#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "app/dump_set.h"
#include "app/session.h"
#include "capture/live_process.h"
#include "capture/system.h"

namespace ntstack::app {

class LiveTarget {
 public:
  // `text`: an ID or a name. What went wrong is said on `err`; then the ExitCode. `system` null:
  // this is not Windows. Ctrl-C ends it with every thread resumed.
  static std::expected<LiveTarget, int> open(std::unique_ptr<capture::System> system,
                                             const std::string& text, std::FILE* err);

  // Over what was taken then, each time anew. Its sessions point into this.
  DumpSet opened(const DumpOptions& paths) const;

 private:
  LiveTarget() = default;
  std::unique_ptr<capture::System> system_;  // outlives process_
  std::unique_ptr<capture::LiveProcess> process_;
  std::string name_;
};

// The folders that a process's images were loaded from: the files are still there, and their PDBs
// perhaps beside them.
std::vector<std::string> folders_of(const std::vector<dump::ModuleRecord>& modules);

}  // namespace ntstack::app
