#include "app/crash_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/exit_code.h"
#include "app/output.h"
#include "app/running_process.h"
#include "capture/debug_privilege.h"
#include "capture/doctor.h"
#include "capture/driver_client.h"
#include "capture/status_text.h"

namespace ntstack::app {
namespace {

constexpr const char* kWhatHappens =
    "A crash stops this machine at once: every user's unsaved work is lost, services end in the\n"
    "middle of what they do, and Windows restarts when its dump is written. What it gives is a\n"
    "memory dump of everything at one moment. A live dump (ntstack capture PROCESS --live full)\n"
    "gives nearly the same and stops nothing.\n";

const capture::Check* check_of(const capture::Diagnosis& diagnosis, std::string_view name) {
  const auto found = std::ranges::find(diagnosis.checks, name, &capture::Check::name);
  return found == diagnosis.checks.end() ? nullptr : &*found;
}

void print(std::FILE* out, const capture::Check& check) {
  say(out, "{:8} {}\n", capture::name_of(check.state), check.sentence);
  if (!check.remedy.empty()) say(out, "         {}\n", check.remedy);
}

// Comes back only where the machine goes on; then with why.
std::string crash(capture::System& system, capture::Driver& driver) {
  if (!driver.facts().can_crash)
    return capture::status_text(capture::kAccessDenied, capture::Call::driver_crash);
  const std::uint64_t parameters[4] = {driver.facts().version, system.own_process_id(), 0, 0};
  return capture::status_text(driver.crash(parameters), capture::Call::driver_crash);
}

}  // namespace

int run_crash(const CrashOptions& options, capture::System* system, std::FILE* out,
              std::FILE* err) {
  if (!can_look_at_processes(system, err)) return kFailed;
  say(out, "{}", kWhatHappens);
  const capture::Diagnosis diagnosis = capture::diagnose(*system);
  bool is_worthwhile = true;
  for (const char* name : {"crash_dumps", "dump_encryption", "driver"}) {
    const capture::Check* check = check_of(diagnosis, name);
    if (!check) continue;
    print(out, *check);
    const bool is_of_dumps = std::string_view(name) != "driver";
    if (is_of_dumps && check->state != capture::Check::State::ok) is_worthwhile = false;
  }
  if (!options.is_meant) {
    say(err, "ntstack: nothing was done; --yes-crash-this-machine says that it is meant\n");
    return kUsage;
  }
  const capture::DebugPrivilege privilege(*system);
  auto driver = capture::Driver::open(*system);
  if (!driver) {
    say(err, "ntstack: nothing was done: only a driver can stop Windows; {}\n",
        driver.error().text());
    return kFailed;
  }
  if (!is_worthwhile) {
    say(err, "ntstack: nothing was done: no dump would come of it; see above\n");
    return kFailed;
  }
  std::fflush(out);
  say(err, "ntstack: nothing was done: {}\n", crash(*system, *driver));
  return kFailed;
}

}  // namespace ntstack::app
