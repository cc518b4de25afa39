#include "app/batch_command.h"

#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <istream>
#include <mutex>
#include <thread>

#include "app/batch_paths.h"
#include "app/batch_results.h"
#include "app/batch_worker.h"
#include "app/exit_code.h"
#include "app/interrupt.h"
#include "app/output.h"
#include "base/text.h"
#include "base/thread.h"

namespace ntstack::app {
namespace {

// What the batch's threads have in common.
class Batch {
 public:
  Batch(const BatchOptions& options, std::istream& in, BatchResults& results)
      : options_(options), paths_(options.dumps, in), results_(results) {}

  // Returns when all is done, or was stopped.
  void run(const std::atomic<bool>& interrupted) {
    const std::size_t jobs =
        options_.jobs != 0 ? options_.jobs : std::max(1U, std::thread::hardware_concurrency());
    const auto watch = base::try_thread([&](const std::stop_token& done) {
      std::mutex mutex;
      std::condition_variable_any done_now;  // a small batch does not wait for the last look
      std::unique_lock lock(mutex);
      while (!done.stop_requested() && !stopped_) {
        if (interrupted) stopped_ = true;
        done_now.wait_for(lock, done, std::chrono::milliseconds(50), [] { return false; });
      }
    });
    std::vector<std::jthread> threads;
    while (watch && threads.size() < jobs) {
      auto thread = base::try_thread([this] { work(); });
      if (!thread) break;
      threads.push_back(std::move(*thread));
    }
    const bool has_none = threads.empty();
    threads.clear();
    if (has_none) fail({"no thread can be started: the system has no room for more", {}});
  }

  const base::Result<void>& result() const { return result_; }
  const BatchPaths& paths() const { return paths_; }
  std::size_t looked_at() const { return looked_at_; }
  std::size_t known() const { return known_; }

 private:
  void work() {
    BatchWorker worker(options_, stopped_);
    while (const auto path = next()) {
      auto line = worker.line_of(*path);
      const std::scoped_lock lock(mutex_);
      if (!line) return fail(std::move(line.error()));
      if (!*line || stopped_) return;
      ++looked_at_;
      if (auto added = results_.add(**line); !added) return fail(std::move(added.error()));
    }
  }

  // The first failure is told; it stops the others.
  void fail(base::Error error) {
    if (result_) result_ = std::unexpected(std::move(error));
    stopped_ = true;
  }

  // Waits where the list's writer does: what is done meanwhile goes out.
  std::optional<std::string> next() {
    const std::scoped_lock lock(paths_mutex_);
    while (!stopped_) {
      auto path = paths_.next();
      if (!path) return std::nullopt;
      if (!results_.has(batch_file(*path))) return path;
      ++known_;
    }
    return std::nullopt;
  }

  const BatchOptions& options_;
  std::mutex paths_mutex_;
  BatchPaths paths_;
  std::size_t known_ = 0;
  std::mutex mutex_;  // of what follows
  BatchResults& results_;
  base::Result<void> result_;
  std::size_t looked_at_ = 0;
  std::atomic<bool> stopped_ = false;
};

// What was looked at already, for the groups at the end: of the files that batches wrote.
int count_files(const BatchOptions& options, std::istream& in, BatchResults& results,
                std::FILE* err) {
  const auto none = results.add_files(options.dumps, in);
  if (!none) return failed(none.error(), err);
  if (*none != 0) say(err, "note: {} lines are none that batch wrote\n", *none);
  return kOk;
}

int tell(const BatchOptions& options, const BatchResults& results, std::FILE* out, std::FILE* err) {
  // Where lines went to standard output, the groups are its last line too.
  if (options.output.empty() && !options.results)
    if (const int code = write(results.summary().line() + "\n", out, err); code != kOk) return code;
  std::FILE* people = options.output.empty() && !options.results ? err : out;
  return options.paths.quiet ? int{kOk} : write(results.summary().text(options.top), people, err);
}

}  // namespace

int run_batch(const BatchOptions& options, std::istream& in, std::FILE* out, std::FILE* err) {
  if (options.is_worker) return run_batch_worker(options, in, out, err);
  if (options.dumps.empty())
    return wrong({"batch takes dumps, folders, or - for paths on standard input", {}}, err);
#ifdef SIGPIPE
  std::signal(SIGPIPE, SIG_IGN);  // a worker that ended is told of by its line
#endif
  int stopped_by = 0;  // a signal
  auto results = BatchResults::open(options, out);
  if (!results) return failed(results.error(), err);
  if (options.results) {
    if (const int code = count_files(options, in, *results, err); code != kOk) return code;
  } else {
    const Interrupt interrupt;
    Batch batch(options, in, *results);
    batch.run(interrupt.requested());
    if (results->has_no_reader()) return kReaderGone;
    if (!batch.result()) return failed(batch.result().error(), err);
    for (const std::string& note : batch.paths().notes())
      say(err, "note: {}\n", base::printable(note));
    if (batch.paths().passed_over() != 0)
      say(err, "note: {} files that are no dumps were passed over\n", batch.paths().passed_over());
    if (batch.known() != 0) say(err, "note: {} dumps were looked at before\n", batch.known());
    if (batch.looked_at() + batch.known() == 0 && !interrupt.requested())
      return failed({"no dump was found", {}}, err);
    if (!options.output.empty())
      if (const auto added = results->add_files({options.output}, in); !added)
        return failed(added.error(), err);
    if (interrupt.requested()) stopped_by = Interrupt::signal();
    if (interrupt.requested()) say(err, "note: stopped; --output goes on from here\n");
  }
  if (const auto finished = results->finish(); !finished) return failed(finished.error(), err);
  const int code = tell(options, *results, out, err);
  return code == kOk && stopped_by != 0 ? code_of_signal(stopped_by) : code;
}

}  // namespace ntstack::app
