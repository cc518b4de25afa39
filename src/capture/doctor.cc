#include "capture/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "capture/debug_privilege.h"
#include "capture/driver_client.h"
#include "capture/triage_batches.h"

namespace ntstack::capture {
namespace {

using State = Check::State;

constexpr std::string_view kCrashControl = "SYSTEM\\CurrentControlSet\\Control\\CrashControl";
constexpr std::string_view kLiveReports =
    "SYSTEM\\CurrentControlSet\\Control\\CrashControl\\FullLiveKernelReports";
constexpr std::string_view kControl = "SYSTEM\\CurrentControlSet\\Control";
constexpr std::string_view kHvci =
    "SYSTEM\\CurrentControlSet\\Control\\DeviceGuard\\Scenarios\\HypervisorEnforcedCodeIntegrity";
constexpr std::string_view kDriver = "SYSTEM\\CurrentControlSet\\Services\\ntstack";

constexpr std::uint32_t kWindows8_1 = 9600;
constexpr std::uint32_t kWindows11 = 22000;
constexpr std::uint32_t kServer2022 = 20348;
// A thread's object, stack and what hangs on it, in a triage dump.
constexpr std::uint32_t kThreadBytes = 12 << 10;

bool has_selective_dumps(const MachineFacts& machine) {
  return machine.build >= kWindows11 || machine.build == kServer2022;
}

class Doctor {
 public:
  explicit Doctor(System& system) : system_(system), machine_(system.machine()) {}
  Diagnosis diagnose();

 private:
  void add(std::string name, State state, std::string sentence, std::string remedy = "") {
    result_.checks.push_back({std::move(name), state, std::move(sentence), std::move(remedy)});
  }
  void check_system();
  void check_architecture();
  void check_elevation();
  void check_privilege();
  void check_container();
  void check_triage_room();
  void check_live_dumps();
  void check_selective_dumps();
  void check_encryption();
  void check_crash_dumps();
  void check_code_integrity();
  void check_driver();
  void check_user_dumps();
  void conclude();

  System& system_;
  MachineFacts machine_;
  Diagnosis result_;
  bool is_native_ = true, has_rights_ = true, is_container_ = false, live_allowed_ = true;
};

void Doctor::check_system() {
  if (machine_.is_wine)
    return add("system", State::missing,
               "this is Wine: it has no kernel whose stacks could be captured",
               "run on Windows; user stacks and user dumps work here");
  add("system", State::ok, "this is Windows");
}

void Doctor::check_architecture() {
  is_native_ = !system_.runs_under_wow64();
  if (is_native_)
    return add("architecture", State::ok,
               fmt::format("the program is of the system's architecture ({})",
                           base::name_of(machine_.architecture)));
  add("architecture", State::missing,
      fmt::format("the program runs in an emulation; the system is {}",
                  base::name_of(machine_.architecture)),
      fmt::format("use the {} build of ntstack", base::name_of(machine_.architecture)));
}

void Doctor::check_elevation() {
  if (system_.elevated()) return add("elevation", State::ok, "an administrator's rights are there");
  has_rights_ = false;
  add("elevation", State::missing, "the program has no administrator's rights",
      "start it from an elevated prompt; `ntstack capture` asks for them itself");
}

void Doctor::check_privilege() {
  const auto was_on = system_.set_debug_privilege(true);
  if (was_on) {
    if (!*was_on) static_cast<void>(system_.set_debug_privilege(false));
    return add("debug_privilege", State::ok, "SeDebugPrivilege can be enabled");
  }
  const bool elevated = has_rights_;
  has_rights_ = false;
  add("debug_privilege", State::missing, "SeDebugPrivilege is not among this account's privileges",
      elevated ? "add the account to \"Debug programs\" (secpol.msc, Local Policies, User Rights "
                 "Assignment), then sign in again"
               : "start from an elevated prompt");
}

void Doctor::check_container() {
  const auto type = system_.number_setting(kControl, "ContainerType");
  if (!type) return add("container", State::ok, "this is no container");
  is_container_ = true;
  add("container", State::missing,
      "this is a container: the kernel, which it shares, refuses dumps from inside",
      "run on the container's host; the processes are visible there");
}

void Doctor::check_triage_room() {
  const std::uint32_t room = triage_room(machine_);
  const std::uint32_t threads = std::max(room / kThreadBytes, 1U);
  const std::string sentence = fmt::format(
      "a triage dump has about {} KB for threads beside {} processors: some {} thread{} "
      "in each",
      room >> 10, machine_.processors, threads, threads == 1 ? "" : "s");
  if (threads >= 8) return add("triage_room", State::ok, sentence);
  add("triage_room", State::warning, sentence,
      "large processes take many dumps: choose threads, or take a live dump");
}

void Doctor::check_live_dumps() {
  live_allowed_ = false;
  if (machine_.build < kWindows8_1)
    return add("live_dumps", State::missing, "live dumps came with Windows 8.1",
               "take triage dumps");
  if (system_.number_setting(kCrashControl, "ForceDumpsDisabled").value_or(0) != 0)
    return add("live_dumps", State::missing, "a policy forbids dumps (ForceDumpsDisabled)",
               fmt::format("set HKLM\\{}\\ForceDumpsDisabled to 0 and restart, where the policy "
                           "may be changed",
                           kCrashControl));
  if (system_.number_setting(kLiveReports, "FullLiveReportsMax") == 0U)
    return add(
        "live_dumps", State::missing,
        "live dumps are turned off (FullLiveReportsMax is 0; the call would answer "
        "0xc0000804)",
        fmt::format("delete HKLM\\{}\\FullLiveReportsMax, or set it to 1 or more", kLiveReports));
  live_allowed_ = true;
  add("live_dumps", State::ok, "nothing forbids live dumps");
}

void Doctor::check_selective_dumps() {
  if (machine_.build < kWindows8_1) return;  // no live dumps at all
  if (machine_.build == kServer2022)
    return add("selective_live_dumps", State::warning,
               "live dumps of kernel stacks alone are tried on this build, and may be refused",
               "a full live dump is taken where they are");
  if (has_selective_dumps(machine_))
    return add("selective_live_dumps", State::ok, "live dumps of kernel stacks alone are possible");
  add("selective_live_dumps", State::warning,
      fmt::format("live dumps of kernel stacks alone came with Windows 11; this is build {}",
                  machine_.build),
      "a full live dump has them too, and is larger");
}

void Doctor::check_encryption() {
  if (system_.number_setting(kCrashControl, "DumpEncryptionEnabled").value_or(0) == 0)
    return add("dump_encryption", State::ok, "dumps are not encrypted");
  live_allowed_ = false;
  add("dump_encryption", State::missing,
      "live dumps are encrypted (DumpEncryptionEnabled) and can't be read here",
      "decrypt them with KernelDumpDecrypt and the certificate's key; triage dumps are not "
      "affected");
}

void Doctor::check_crash_dumps() {
  const auto kind = system_.number_setting(kCrashControl, "CrashDumpEnabled");
  const auto say = [&](State state, std::string_view what, std::string_view remedy) {
    add("crash_dumps", state, fmt::format("after a crash Windows writes {}", what),
        std::string(remedy));
  };
  constexpr std::string_view kRemedy =
      "set CrashDumpEnabled to 7 (automatic) or 2 (kernel) in HKLM\\SYSTEM\\CurrentControlSet\\"
      "Control\\CrashControl and restart; captures do not need it";
  if (!kind) return say(State::warning, "what its defaults say: no setting was found", "");
  switch (*kind) {
    case 0:
      return say(State::warning, "no dump", kRemedy);
    case 1:
      return say(State::ok, "a complete dump", "");
    case 2:
      return say(State::ok, "a kernel dump", "");
    case 3:
      return say(State::warning, "a small dump: one thread's stack", kRemedy);
    case 7:
      return say(State::ok, "an automatic dump", "");
    default:
      return say(State::warning, fmt::format("what CrashDumpEnabled = {} means", *kind), "");
  }
}

void Doctor::check_code_integrity() {
  const bool is_on = system_.number_setting(kHvci, "Enabled").value_or(0) != 0;
  add("code_integrity", State::ok,
      is_on
          ? "memory integrity (HVCI) is configured: captures work; memory of the secure kernel is "
            "in no dump"
          : "memory integrity (HVCI) is not configured");
}

void Doctor::check_driver() {
  const auto service = system_.driver_service();
  const bool is_installed = service || system_.number_setting(kDriver, "Type");
  if (!is_installed)
    return add("driver", State::ok, "the optional driver is not installed; captures do without it");
  if (service && !service->is_running)
    return add("driver", State::warning, "the optional driver is installed and does not run",
               "ntstack driver start, for capture --driver and stacks --live");
  const DebugPrivilege privilege(system_);
  const auto driver = Driver::open(system_);
  if (!driver)
    return add("driver", State::warning, "the optional driver is installed and can't be used",
               driver.error().text());
  result_.driver_stacks = true;
  add("driver", State::ok, "the optional driver runs: " + driver_text(driver->facts()));
}

void Doctor::check_user_dumps() {
  result_.user_dumps = system_.can_write_user_dumps();
  if (result_.user_dumps)
    return add("user_dumps", State::ok, "dbghelp.dll is there to write user dumps");
  add("user_dumps", State::warning, "dbghelp.dll with MiniDumpWriteDump is not there",
      "captures go without a user dump; kernel stacks do not need it");
}

void Doctor::conclude() {
  const bool kernel = !machine_.is_wine && is_native_ && has_rights_ && !is_container_;
  result_.triage_dumps = kernel;
  result_.live_dumps = kernel && live_allowed_;
  result_.selective_live_dumps = result_.live_dumps && has_selective_dumps(machine_);
  result_.user_dumps = result_.user_dumps && is_native_;
  result_.live_user_stacks = is_native_;
  result_.driver_stacks = result_.driver_stacks && is_native_ && has_rights_;
}

Diagnosis Doctor::diagnose() {
  result_.machine =
      fmt::format("{}: {} {}.{}.{}.{}{}, {}, {} processor{}",
                  machine_.name.empty() ? "this machine" : machine_.name,
                  machine_.is_wine ? "Wine as Windows" : "Windows", machine_.major, machine_.minor,
                  machine_.build, machine_.revision, machine_.server ? " (Server)" : "",
                  base::name_of(machine_.architecture), machine_.processors,
                  machine_.processors == 1 ? "" : "s");
  check_system();
  check_architecture();
  check_elevation();
  check_privilege();
  check_container();
  check_triage_room();
  check_live_dumps();
  check_selective_dumps();
  check_encryption();
  check_crash_dumps();
  check_code_integrity();
  check_driver();
  check_user_dumps();
  conclude();
  return std::move(result_);
}

}  // namespace

std::string_view name_of(Check::State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::warning:
      return "warning";
    case State::missing:
      break;
  }
  return "missing";
}

std::uint32_t triage_room(const MachineFacts& machine) {
  constexpr std::uint32_t kDump = 1 << 20;
  constexpr std::uint32_t kHead = 72 << 10;  // header, drivers and their names
  // PRCBs that do not fit are left out, and what is left then is for threads.
  const auto block = static_cast<std::uint32_t>(
      processor_bytes(machine.build, base::is_64_bit(machine.architecture)) + 16);
  const std::uint32_t fitting = std::min(machine.processors, (kDump - kHead) / block);
  return kDump - kHead - fitting * block;
}

Diagnosis diagnose(System& system) { return Doctor(system).diagnose(); }

Diagnosis diagnose_elsewhere() {
  Diagnosis diagnosis;
  diagnosis.machine = "this system is not Windows";
  diagnosis.checks.push_back(
      {"system", State::missing, "captures and stacks of running processes need Windows",
       "run ntstack.exe there; dumps and bundles from there are read here with everything else"});
  return diagnosis;
}

}  // namespace ntstack::capture
