#include "app/download_progress.h"

#include <fmt/format.h>

#include "app/output.h"
#include "app/terminal.h"

namespace ntstack::app {
namespace {

constexpr std::size_t kWidth = 79;

// "[#####.....]"
std::string bar(std::size_t done, std::size_t all) {
  constexpr std::size_t kCells = 20;
  const std::size_t full = all ? done * kCells / all : kCells;
  return "[" + std::string(full, '#') + std::string(kCells - full, '.') + "]";
}

// The sentence for a file that came, or did not.
std::string line_of(const store::Wanted& wanted, const store::Fetched& fetched) {
  using Status = store::Fetched::Status;
  const std::string name = store::name_of(wanted);
  std::string notes;
  for (const std::string& note : fetched.notes) notes += (notes.empty() ? "" : "; ") + note;
  switch (fetched.status) {
    case Status::fetched:
      return fmt::format("{}: {} from {}", name, size_text(fetched.bytes), fetched.server);
    case Status::was_there:
      return fmt::format("{}: another process has got it", name);
    case Status::absent:
      return fmt::format("{}: not to be had: {}", name, notes);
    case Status::failed:
      return fmt::format("{}: failed: {}", name, notes);
    case Status::cancelled:
      return fmt::format("{}: cancelled", name);
  }
  return name;
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr double kKilo = 1000;
  const auto size = static_cast<double>(bytes);
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", size / kKilo);
  if (bytes < 1'000'000'000) return fmt::format("{:.1f} MB", size / kKilo / kKilo);
  return fmt::format("{:.2f} GB", size / kKilo / kKilo / kKilo);
}

DownloadProgress::DownloadProgress(std::FILE* err) : err_(err), is_terminal_(is_terminal(err)) {}

DownloadProgress::~DownloadProgress() { clear(); }

void DownloadProgress::clear() {
  if (!has_line_) return;
  say(err_, "\r{:{}}\r", "", kWidth);
  std::fflush(err_);
  has_line_ = false;
}

void DownloadProgress::progress(const store::FetchProgress& progress) {
  if (!is_terminal_) return;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
  const auto speed =
      static_cast<std::uint64_t>(static_cast<double>(progress.bytes) / (passed.count() + 0.001));
  std::string line =
      fmt::format("{} {} of {} files, {}, {}/s", bar(progress.done, progress.all), progress.done,
                  progress.all, size_text(progress.bytes), size_text(speed));
  for (const std::string& name : progress.at_work)
    if (line.size() + 2 + name.size() < kWidth) line += "  " + name;
  if (line.size() > kWidth) line.resize(kWidth);
  say(err_, "\r{:<{}}", line, kWidth);
  std::fflush(err_);
  has_line_ = true;
}

void DownloadProgress::done(const store::Wanted& wanted, const store::Fetched& fetched) {
  clear();
  say(err_, "ntstack: {}\n", line_of(wanted, fetched));
}

}  // namespace ntstack::app
