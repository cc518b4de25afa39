// The process that looks at a batch's dumps, one after the other, and the batch's side of it.
//
// A line of its input is a path, as a JSON string; a line of its output is what report::batch_line
// makes of that dump.
#pragma once

#include <atomic>
#include <cstdio>
#include <iosfwd>
#include <optional>
#include <string>

#include "app/batch_command.h"
#include "app/child_process.h"
#include "report/batch_line.h"

namespace ntstack::app {

// What the process does, to its input's end.
int run_batch_worker(const BatchOptions& options, std::istream& in, std::FILE* out, std::FILE* err);

// One such process, started anew after each that had to be stopped. For one thread.
class BatchWorker {
 public:
  // Both outlive this.
  BatchWorker(const BatchOptions& options, const std::atomic<bool>& is_stopped)
      : options_(options), is_stopped_(is_stopped) {}

  // The line of a dump, whatever becomes of the process; nothing where all was stopped. Fails where
  // no process can be started.
  base::Result<std::optional<std::string>> line_of(const std::string& path);

 private:
  std::optional<std::string> answer(ChildProcess::Time deadline);
  std::string failure_line(const std::string& path, const report::BatchFailure& failure);
  base::Result<void> start();

  const BatchOptions& options_;
  const std::atomic<bool>& is_stopped_;
  std::optional<ChildProcess> process_;
  std::string out_, err_;  // what came of it and was not taken yet
  ChildProcess::Time began_;
  bool was_late_ = false;
};

}  // namespace ntstack::app
