// A process that runs now, taken for a command as if a dump of it had been opened.
#pragma once

#include <atomic>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "app/dump_set.h"
#include "app/session.h"
#include "capture/driver_stacks.h"
#include "capture/live_process.h"
#include "capture/system.h"

namespace ntstack::app {

class LiveTarget {
 public:
  // `text`: an ID or a name. Kernel stacks too where ntstack's driver runs: they come first, of
  // threads that nobody suspended. What went wrong is said on `err`; then the ExitCode. `system`
  // null: this is not Windows. Ctrl-C ends it with every thread resumed.
  static std::expected<LiveTarget, int> open(std::unique_ptr<capture::System> system,
                                             const std::string& text, std::FILE* err);

  // Over what was taken then, each time anew. Its sessions point into this.
  DumpSet opened(const DumpOptions& paths) const;

 private:
  LiveTarget() = default;
  void take_kernel_stacks(const capture::ProcessFacts& process, const std::atomic<bool>& cancel);
  Session kernel_session(const DumpOptions& paths) const;

  std::unique_ptr<capture::System> system_;  // outlives process_
  std::unique_ptr<capture::LiveProcess> process_;
  std::unique_ptr<capture::DriverStacks> kernel_;  // null: none, and note_ says why
  std::vector<std::string> kernel_folders_;        // of the kernel's images
  capture::ProcessFacts facts_;
  std::string name_, note_;
};

// The folders that a process's images were loaded from: the files are still there, and their PDBs
// perhaps beside them.
std::vector<std::string> folders_of(const std::vector<dump::ModuleRecord>& modules);

}  // namespace ntstack::app
