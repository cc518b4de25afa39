// The native calls of the system that runs this, tried on a victim; what they answered goes to
// standard output, a line "key value" each. Usage: probe VICTIM.EXE NTSTACK.EXE DUMP_FOLDER
#include <windows.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "base/text.h"
#include "capture/command_line.h"
#include "capture/debug_control.h"
#include "capture/live_process.h"
#include "capture/process_choice.h"
#include "capture/this_system.h"
#include "capture/windows/text.h"

namespace {

using namespace ntstack;
using namespace ntstack::capture;

// A program with its standard input and output in pipes.
class Program {
 public:
  explicit Program(const std::string& line) {
    SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
    HANDLE child_in = nullptr, child_out = nullptr;
    ::CreatePipe(&child_in, &to_, &inherited, 0);
    ::CreatePipe(&from_, &child_out, &inherited, 1 << 20);
    ::SetHandleInformation(to_, HANDLE_FLAG_INHERIT, 0);
    ::SetHandleInformation(from_, HANDLE_FLAG_INHERIT, 0);
    STARTUPINFOW start{};
    start.cb = sizeof start;
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdInput = child_in;
    start.hStdOutput = start.hStdError = child_out;
    std::wstring command = windows::wide(line);
    if (!::CreateProcessW(nullptr, command.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr,
                          &start, &process_))
      std::printf("start_failed %lu %s\n", ::GetLastError(), line.c_str());
    ::CloseHandle(child_in);
    ::CloseHandle(child_out);
  }
  void write(const char* text) {
    DWORD written = 0;
    ::WriteFile(to_, text, static_cast<DWORD>(std::strlen(text)), &written, nullptr);
  }
  std::string read_line() {
    std::string line;
    char c = 0;
    DWORD got = 0;
    while (::ReadFile(from_, &c, 1, &got, nullptr) && got == 1 && c != '\n')
      if (c != '\r') line += c;
    return line;
  }
  std::string read_all() {
    std::string text;
    char buffer[4096];
    DWORD got = 0;
    while (::ReadFile(from_, buffer, sizeof buffer, &got, nullptr) && got != 0)
      text.append(buffer, got);
    return text;
  }
  // Ends its input, and waits.
  DWORD finish() {
    ::CloseHandle(to_);
    ::WaitForSingleObject(process_.hProcess, 30'000);
    DWORD code = 99;
    ::GetExitCodeProcess(process_.hProcess, &code);
    return code;
  }

 private:
  HANDLE to_ = nullptr, from_ = nullptr;
  PROCESS_INFORMATION process_{};
};

void show_machine(System& system) {
  const MachineFacts machine = system.machine();
  std::printf("machine_wine %d\n", machine.is_wine);
  std::printf("machine_architecture %d\n", static_cast<int>(machine.architecture));
  std::printf("machine_build %u\n", machine.build);
  std::printf("machine_processors %u\n", machine.processors);
  std::printf("machine_named %d\n", !machine.name.empty());
  std::printf("machine_memory_mb %llu\n", machine.physical_memory >> 20);
  std::printf("machine_booted %d\n",
              machine.boot_time != 0 && machine.boot_time < system.system_time());
  std::printf("wow64 %d\n", system.runs_under_wow64());
  std::printf("elevated %d\n", system.elevated());
  std::printf("dbghelp %d\n", system.can_write_user_dumps());
  std::printf(
      "number_setting %d\n",
      system.number_setting("SYSTEM\\CurrentControlSet\\Control\\No such key", "x").has_value());
  std::printf(
      "text_setting %s\n",
      system.text_setting("SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion", "CurrentVersion")
          .value_or("none")
          .c_str());
}

void show_privilege(System& system) {
  const auto before = system.set_debug_privilege(true);
  const auto again = system.set_debug_privilege(true);
  const auto off = system.set_debug_privilege(false);
  std::printf("privilege %d %d %d\n", before ? *before : -1, again ? *again : -1, off ? *off : -1);
}

void show_debug_control(System& system) {
  const TriageDumpControl<std::uintptr_t> control;
  std::vector<std::byte> out(kTriageDumpRoom);
  std::uint32_t returned = 0;
  for (const std::uint32_t command : {kGetTriageDump, kGetLiveKernelDump})
    std::printf(
        "debug_control_%u %#x\n", command,
        system.debug_control(command, std::as_bytes(std::span(&control, 1)), out, returned));
}

void show_process(System& system, const ProcessFacts& process) {
  std::printf("process_name %s\n", process.name.c_str());
  std::printf("process_created %d\n", process.create_time != 0);
  for (const ThreadFacts& facts : process.threads) {
    const auto handle = system.open_thread(facts.id, kThreadAllAccess);
    if (!handle) {
      std::printf("thread_%u not_opened %#x\n", facts.id, handle.error());
      continue;
    }
    const Owned thread(system, *handle);
    const auto identity = system.identify_thread(thread.get());
    const bool same = identity && identity->id == facts.id && identity->process_id == process.id &&
                      identity->create_time == facts.create_time && !identity->ended;
    bool listed = false;
    for (const HandleFacts& one : system.own_handles().value_or(std::vector<HandleFacts>()))
      listed = listed || (one.handle == thread.get() && one.access == kThreadAllAccess);
    std::printf("thread_%u %d %d %s\n", facts.id, same, listed,
                system.thread_name(thread.get()).c_str());
  }
}

void show_handles(System& system) {
  const auto before = system.own_handles();
  std::size_t with_object = 0;
  for (const HandleFacts& one : before.value_or(std::vector<HandleFacts>()))
    with_object += one.object != 0;
  std::printf("handles %d %zu\n", before && !before->empty(), with_object);
  const auto event = system.create_event();
  std::printf("event %d\n",
              event && ::WaitForSingleObject(reinterpret_cast<HANDLE>(*event), 0) == WAIT_TIMEOUT);
  if (event) {
    system.set_event(*event);
    std::printf("event_set %d\n",
                ::WaitForSingleObject(reinterpret_cast<HANDLE>(*event), 0) == WAIT_OBJECT_0);
    system.close(*event);
  }
}

void show_files(System& system, const std::filesystem::path& folder) {
  const auto path = folder / base::path_from_utf8("n\xc3\xa4me.dmp");
  const auto file = system.create_file(path);
  const auto again = system.create_file(path);
  std::printf("file %d %d\n", file.has_value(), again.has_value());
  if (file) system.close(*file);
}

// How many frames of the live walk's copy hold the thread's marker.
void show_live(System& system, const ProcessFacts& process) {
  const auto handles_before = system.own_handles();
  {
    const auto live = LiveProcess::take(system, process, nullptr);
    if (!live) {
      std::printf("live_failed %s\n", live.error().text().c_str());
      return;
    }
    const dump::Dump dump = live->dump();
    std::printf("live_threads %zu\n", dump.threads.size());
    std::printf("live_modules %zu\n", dump.modules.size());
    std::printf("live_program %s\n", dump.modules.empty() ? "" : dump.modules[0].path.c_str());
    std::printf("live_warnings %zu %s\n", dump.warnings.size(),
                dump.warnings.empty() ? "" : dump.warnings[0].c_str());
    for (const dump::ThreadRecord& thread : dump.threads) {
      std::size_t found = 0;
      for (std::uint64_t at = 0; at + 8 <= thread.stack_size; at += 8)
        found += dump.memory->get<std::uint64_t>(thread.stack_address + at).value_or(0) >> 16 ==
                 0x112233445566;
      std::printf("live_thread_%u %zu %zu %s\n", thread.id, thread.context.size(), found,
                  thread.name.c_str());
    }
  }
  const auto handles_after = system.own_handles();
  std::printf("live_handles_left %d\n",
              static_cast<int>(handles_after ? handles_after->size() : 0) -
                  static_cast<int>(handles_before ? handles_before->size() : 0));
}

void show_user_dumps(System& system, const ProcessFacts& process,
                     const std::filesystem::path& folder) {
  const auto handle = system.open_process(process.id, 0x1fffff);
  if (!handle) return;
  const Owned owned(system, *handle);
  for (const auto& [name, kind] :
       std::map<std::string, UserDump>{{"full", UserDump::full}, {"mini", UserDump::mini}}) {
    const auto written =
        system.write_user_dump(owned.get(), process.id, folder / (name + ".dmp"), kind);
    std::printf("user_dump_%s %s\n", name.c_str(),
                written ? "written" : written.error().text().c_str());
  }
  const auto again =
      system.write_user_dump(owned.get(), process.id, folder / "full.dmp", UserDump::full);
  std::printf("user_dump_again %s\n", again ? "written" : again.error().text().c_str());
}

void show_watch(System& system) {
  Status why = 0;
  const auto watch = system.watch_live_dumps([](const LiveDumpEvent&) {}, why);
  std::printf("watch %d %#x\n", watch != nullptr, why);
}

// Everything that a command of the program printed, each line behind its key.
void show_program(const char* key, const std::vector<std::string>& arguments) {
  Program program(command_line_of(arguments));
  const std::string text = program.read_all();
  std::printf("%s_code %lu\n", key, program.finish());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::printf("%s: %.*s\n", key, static_cast<int>(end - at), text.c_str() + at);
    at = end + 1;
  }
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
  if (argc != 4) return 2;
  const std::string victim_path = windows::utf8(argv[1]), ntstack = windows::utf8(argv[2]);
  const std::filesystem::path folder(argv[3]);
  const auto system = this_system();
  if (!system) return 1;
  Program victim(command_line_of({victim_path}));
  const std::string ready = victim.read_line();
  std::printf("victim %s\n", ready.c_str());
  const std::string id = ready.substr(6, ready.find(' ', 6) - 6);
  show_machine(*system);
  show_privilege(*system);
  show_debug_control(*system);
  show_handles(*system);
  show_files(*system, folder);
  show_watch(*system);
  const auto processes = system->processes();
  std::printf("processes %zu\n", processes ? processes->size() : 0);
  if (!processes) return 1;
  const auto found = processes_named(*processes, id);
  if (found.size() != 1) return 1;
  show_process(*system, found[0]);
  show_live(*system, found[0]);
  victim.write("counts\n");
  std::printf("counts %s\n", victim.read_line().c_str());
  show_program("stacks", {ntstack, "stacks", "--live", id, "--no-group"});
  show_program("json", {ntstack, "stacks", "--live", "capture_victim", "--json"});
  {
    Program twin(command_line_of({victim_path}));
    twin.read_line();
    show_program("several", {ntstack, "stacks", "--live", "capture_victim.exe"});
    twin.finish();
  }
  show_program("nobody", {ntstack, "stacks", "--live", "nobody.exe"});
  show_program("doctor", {ntstack, "doctor"});
  const auto in = [&](const char* name) { return base::path_text(folder / name); };
  show_program("capture", {ntstack, "capture", id, "-mm", "--report", "-o", in("capture")});
  show_program("chosen",
               {ntstack, "capture", id, "--frame", "victim_inner", "--only", "-o", in("chosen")});
  show_program("live", {ntstack, "capture", id, "--live", "selective", "-o", in("live")});
  show_program("driver_status", {ntstack, "driver", "status"});
  show_program("driver_start", {ntstack, "driver", "start"});
  show_program("driver_install", {ntstack, "driver", "install"});
  show_program("driver_capture", {ntstack, "capture", id, "--driver", "-o", in("driver")});
  show_program("crash", {ntstack, "crash", "--yes-crash-this-machine"});
  show_user_dumps(*system, found[0], folder);
  victim.write("counts\n");
  std::printf("counts_after %s\n", victim.read_line().c_str());
  std::printf("victim_code %lu\n", victim.finish());
  return 0;
}
