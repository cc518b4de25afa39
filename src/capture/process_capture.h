// One capture of a process, from its kernel stacks to its folder: triage dumps, a live dump of the
// machine where it is asked for or needed, the user half, and capture.json.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/error.h"
#include "capture/driver_capture.h"
#include "capture/live_dump.h"
#include "capture/system.h"
#include "capture/thread_request.h"
#include "capture/triage_capture.h"
#include "dump/bundle.h"

namespace ntstack::capture {

enum class KernelDumps : std::uint8_t {
  triage,     // of the process's threads
  driver,     // the same by ntstack's driver, in one file
  live,       // of the machine
  automatic,  // triage; where threads lack, a live dump of kernel stacks; else a full one
};

struct CaptureOptions {
  KernelDumps kernel = KernelDumps::triage;
  ThreadRequest threads;
  TriageOptions triage;
  DriverOptions driver;
  LiveDumpOptions live;
  std::optional<UserDump> user;
  std::string program;  // "ntstack 0.1.0"
};

struct CaptureCallbacks {
  // What is going on, a line each time; `is_passing`: the next replaces it.
  std::function<void(const std::string& line, bool is_passing)> tell;
  const std::atomic<bool>* cancel = nullptr;
  // When the dumps and a first capture.json are there, before the folder gets its name: for what
  // else belongs into both.
  std::function<base::Result<void>(const std::filesystem::path& folder, dump::Bundle& bundle)>
      finish;
};

struct Captured {
  std::filesystem::path folder;
  dump::Bundle bundle;
  std::size_t threads = 0, with_stack = 0;  // of those asked for; a live dump has all
  bool has_live_dump = false;
};

// "w3wp.exe_261128_092452": as ProcDump names its dumps, but in UTC. What can't be in a file's name
// becomes '_'.
std::string capture_name(const ProcessFacts& process, std::uint64_t filetime);

// Writes into `folder`.partial, which becomes `folder` when all is there; where nothing could be
// captured it is gone again, and the error says why and what else can be done. Kernel stacks come
// first, of threads that nobody suspended. Ctrl-C keeps what is there by then.
base::Result<Captured> capture_process(System& system, const ProcessFacts& process,
                                       const std::filesystem::path& folder,
                                       const CaptureOptions& options,
                                       const CaptureCallbacks& callbacks);

}  // namespace ntstack::capture
