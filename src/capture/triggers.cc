#include "capture/triggers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/text.h"
#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

constexpr std::uint32_t kLook = 1000;  // milliseconds between two looks

base::Result<ProcessFacts> as_it_is_now(System& system, const ProcessFacts& process) {
  const auto all = system.processes();
  if (!all) return base::fail("{}", status_text(all.error(), Call::list_processes));
  const auto found = std::ranges::find(*all, process.id, &ProcessFacts::id);
  if (found == all->end() || found->create_time != process.create_time)
    return base::fail("process {} ended before what was waited for happened", process.id);
  return *found;
}

// How much of all processors a process used between two looks.
class Load {
 public:
  Load(System& system, std::uint32_t processors)
      : system_(system), processors_(std::max<std::uint32_t>(processors, 1)) {}

  // Percent since the last call; nothing at the first.
  std::optional<double> look(const ProcessFacts& process) {
    const std::uint64_t now = system_.milliseconds();
    const std::uint64_t used = process.kernel_time + process.user_time;
    std::optional<double> percent;
    if (seen_ && now > then_ && used >= used_) {
      const double elapsed = static_cast<double>(now - then_) * 10'000 * processors_;
      percent = 100.0 * static_cast<double>(used - used_) / elapsed;
    }
    seen_ = true;
    then_ = now;
    used_ = used;
    return percent;
  }

 private:
  System& system_;
  std::uint32_t processors_;
  bool seen_ = false;
  std::uint64_t then_ = 0, used_ = 0;
};

// A window that does not answer, and since when.
class Hang {
 public:
  explicit Hang(System& system) : system_(system) {}

  void look(std::uint32_t process_id) {
    const std::vector<std::string> windows = system_.hung_windows(process_id);
    if (windows.empty()) {
      title_.clear();
      hangs_ = false;
      return;
    }
    if (!hangs_) since_ = system_.milliseconds();
    hangs_ = true;
    title_ = base::printable(windows.front());
  }
  bool hangs() const { return hangs_; }
  std::uint64_t milliseconds() const { return hangs_ ? system_.milliseconds() - since_ : 0; }
  const std::string& title() const { return title_; }

 private:
  System& system_;
  bool hangs_ = false;
  std::uint64_t since_ = 0;
  std::string title_;
};

// One look at a process for each call; a sentence once what is waited for is there.
class Waiting {
 public:
  Waiting(System& system, const Trigger& trigger,
          const std::function<void(const std::string&)>& tell)
      : trigger_(trigger), tell_(tell), load_(system, system.machine().processors), hang_(system) {}

  std::string look(const ProcessFacts& process) {
    if (trigger_.hang_seconds) {
      hang_.look(process.id);
      if (hang_.hangs() && hang_.milliseconds() >= std::uint64_t{*trigger_.hang_seconds} * 1000)
        return fmt::format("the window \"{}\" has not answered for {} s", hang_.title(),
                           *trigger_.hang_seconds);
      if (hang_.hangs()) tell(fmt::format("the window \"{}\" does not answer", hang_.title()));
    }
    const auto percent = trigger_.cpu_percent ? load_.look(process) : std::nullopt;
    if (!percent) return "";
    busy_ = *percent >= *trigger_.cpu_percent ? busy_ + 1 : 0;
    tell(fmt::format("{:.0f} % of all processors", *percent));
    if (busy_ < trigger_.cpu_seconds) return "";
    return fmt::format("it used {:.0f} % of all processors or more for {} s", *trigger_.cpu_percent,
                       busy_);
  }

 private:
  void tell(const std::string& text) const {
    if (tell_) tell_(text);
  }

  const Trigger& trigger_;
  const std::function<void(const std::string&)>& tell_;
  Load load_;
  Hang hang_;
  std::uint32_t busy_ = 0;  // seconds in a row
};

}  // namespace

base::Result<std::string> wait_for(System& system, const ProcessFacts& process,
                                   const Trigger& trigger,
                                   const std::function<void(const std::string&)>& tell,
                                   const std::atomic<bool>& cancel) {
  Waiting waiting(system, trigger, tell);
  while (!cancel.load()) {
    const auto now = as_it_is_now(system, process);
    if (!now) return std::unexpected(now.error());
    if (std::string what = waiting.look(*now); !what.empty()) return what;
    system.sleep(kLook);
  }
  return std::string();
}

base::Result<std::uint64_t> duration_of(const std::string& text) {
  std::uint64_t count = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  constexpr std::uint64_t kMost = 1'000'000'000;
  std::uint64_t scale = 0;
  if (unit.empty() || unit == "s") scale = 1000;
  if (unit == "ms") scale = 1;
  if (unit == "m" || unit == "min") scale = 60'000;
  if (unit == "h") scale = 3'600'000;
  if (error != std::errc() || scale == 0 || count > kMost)
    return base::fail("\"{}\" is no duration: 5s, 500ms and 2m are", base::printable(text));
  return count * scale;
}

}  // namespace ntstack::capture
