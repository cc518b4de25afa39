#include "app/batch_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <istream>
#include <nlohmann/json.hpp>

#include "app/analyzed.h"
#include "app/batch_paths.h"
#include "app/exit_code.h"
#include "app/memory_limit.h"
#include "app/output.h"
#include "base/mapped_file.h"
#include "report/batch_line.h"

namespace ntstack::app {
namespace {

using Clock = std::chrono::steady_clock;
using report::BatchFailure;

constexpr std::size_t kMostErrorText = 4096;

std::uint64_t milliseconds_since(Clock::time_point began) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count());
}

std::string analysed_line(const std::string& path, const BatchOptions& options,
                          Downloads& downloads) {
  const Clock::time_point began = Clock::now();
  const report::BatchFile file = batch_file(path);
  DumpOptions dump = options.paths;
  dump.dump = path;
  auto analyzed = Analyzed::open(dump, downloads);
  if (!analyzed)
    return batch_line(file, BatchFailure{"not_opened", analyzed.error().text()},
                      milliseconds_since(began));
  const report::AnalysisFacts facts = analyzed->facts();
  return batch_line(file, facts, milliseconds_since(began));
}

// What was read of a file that got lost meanwhile does not count, and the next dump has others.
std::string line_of_dump(const std::string& path, const BatchOptions& options,
                         Downloads& downloads) {
  const Clock::time_point began = Clock::now();
  std::string line = analysed_line(path, options, downloads);
  const std::string lost = base::lost_file();
  if (lost.empty()) return line;
  base::forget_lost_file();
  return batch_line(batch_file(path), BatchFailure{"not_opened", lost_file_text(lost)},
                    milliseconds_since(began));
}

// The last line that says something, for a crash's sentence.
std::string last_line_of(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const std::size_t at = text.rfind('\n');
  return std::string(at == std::string_view::npos ? text : text.substr(at + 1));
}

std::vector<std::string> worker_arguments(const BatchOptions& options) {
  std::vector<std::string> arguments = {"batch", "--worker", "--memory-limit",
                                        std::to_string(options.memory_limit)};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.insert(arguments.end(), {name, value});
  };
  add("--symbols", options.paths.symbol_path);
  add("--images", options.paths.image_path);
  if (options.paths.ms_symbols) arguments.push_back("--ms-symbols");
  if (options.paths.offline) arguments.push_back("--offline");
  arguments.push_back("--quiet");
  return arguments;
}

}  // namespace

int run_batch_worker(const BatchOptions& options, std::istream& in, std::FILE* out,
                     std::FILE* err) {
  if (options.memory_limit != 0) limit_memory(std::uint64_t{options.memory_limit} << 20);
  Downloads downloads(options.paths, err);
  for (std::string line; std::getline(in, line);) {
    const auto path = nlohmann::json::parse(line, nullptr, false);
    if (!path.is_string()) return kUsage;
    line = line_of_dump(path.get<std::string>(), options, downloads) + "\n";
    if (std::fwrite(line.data(), 1, line.size(), out) != line.size() || std::fflush(out) != 0)
      return kFailed;
  }
  return kOk;
}

base::Result<void> BatchWorker::start() {
  out_.clear();
  auto process = ChildProcess::start(worker_arguments(options_));
  if (!process) return std::unexpected(std::move(process.error()));
  process_.emplace(std::move(*process));
  return {};
}

// Nothing where the process ended, was late, or all was stopped.
std::optional<std::string> BatchWorker::answer(ChildProcess::Time deadline) {
  constexpr auto kLook = std::chrono::milliseconds(200);
  while (true) {
    if (const std::size_t end = out_.find('\n'); end != std::string::npos) {
      std::string line = out_.substr(0, end);
      out_.erase(0, end + 1);
      return line;
    }
    if (is_stopped_) return std::nullopt;
    const auto output = process_->read(std::min(deadline, Clock::now() + kLook), out_, err_);
    if (err_.size() > kMostErrorText) err_.erase(0, err_.size() - kMostErrorText);
    if (output == ChildProcess::Output::ended) return std::nullopt;
    was_late_ = Clock::now() >= deadline;
    if (was_late_) return std::nullopt;
  }
}

std::string BatchWorker::failure_line(const std::string& path, const BatchFailure& failure) {
  return batch_line(batch_file(path), failure, milliseconds_since(began_));
}

base::Result<std::optional<std::string>> BatchWorker::line_of(const std::string& path) {
  began_ = Clock::now();
  was_late_ = false;
  err_.clear();  // what was said of the dump before
  if (!process_)
    if (auto started = start(); !started) return std::unexpected(std::move(started.error()));
  using Json = nlohmann::json;
  if (process_->write(Json(path).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"))
    if (auto line = answer(began_ + std::chrono::seconds(options_.time_limit))) return line;
  if (was_late_ || is_stopped_) process_->kill();
  process_->close_input();  // one that could not be talked to ends so
  const int code = process_->wait_or_kill();
  process_.reset();
  if (is_stopped_) return std::optional<std::string>();
  if (was_late_)
    return failure_line(path, {"time_limit", fmt::format("it took longer than {} s: --time-limit",
                                                         options_.time_limit)});
  if (code == kNoMemory)
    return failure_line(
        path, {"memory_limit",
               fmt::format("it wanted more than {} MB: --memory-limit", options_.memory_limit)});
  const std::string said = last_line_of(err_);
  return failure_line(path, {"crashed", how_it_ended(code) + (said.empty() ? "" : ": " + said)});
}

}  // namespace ntstack::app
