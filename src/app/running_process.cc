#include "app/running_process.h"

#include <fmt/format.h>

#include <utility>

#include "app/exit_code.h"
#include "app/output.h"
#include "base/text.h"
#include "capture/process_choice.h"
#include "capture/status_text.h"

namespace ntstack::app {

bool can_look_at_processes(capture::System* system, std::FILE* err) {
  if (!system) {
    say(err, "ntstack: running processes are read on Windows alone; on this system dumps are\n");
    return false;
  }
  if (system->runs_under_wow64()) {
    say(err,
        "ntstack: this program is of another architecture than the system: running "
        "processes are read by the system's own\n");
    return false;
  }
  return true;
}

std::expected<capture::ProcessFacts, int> choose_process(capture::System& system,
                                                         const std::string& text, std::FILE* err) {
  const auto processes = system.processes();
  if (!processes) {
    say(err, "ntstack: {}\n",
        capture::status_text(processes.error(), capture::Call::list_processes));
    return std::unexpected(kFailed);
  }
  auto found = capture::processes_named(*processes, text);
  if (found.empty()) {
    say(err, "ntstack: no process {} is running\n", base::printable(text));
    return std::unexpected(kFailed);
  }
  if (found.size() > 1) {
    say(err, "ntstack: {} processes are called {}; choose one by its ID:\n{}", found.size(),
        base::printable(text), capture::list_text(found));
    return std::unexpected(kUsage);
  }
  if (found.front().id == system.own_process_id()) {
    say(err, "ntstack: process {} is this program itself\n", found.front().id);
    return std::unexpected(kUsage);
  }
  return std::move(found.front());
}

}  // namespace ntstack::app
