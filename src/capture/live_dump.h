// One dump of the running machine's memory, by NtSystemDebugControl's command 37: full, or the
// kernel stacks of all threads alone.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/status_text.h"
#include "capture/system.h"

namespace ntstack::capture {

inline constexpr std::uint32_t kLiveBugcheckCode = 0x161;  // LIVE_SYSTEM_DUMP

struct LiveDumpOptions {
  bool is_selective = false;  // kernel stacks alone; Windows 11, Server 2022
  bool user_pages = false;
  bool hypervisor_pages = false;
  bool under_memory_pressure = false;  // goes on where memory is short; else it is given up
  std::uint64_t patience = 60'000;     // milliseconds to wait while another dump is being written
};

struct LiveDumpProgress {
  std::string_view stage;          // "sizing", "copying memory", ...; empty: not told
  std::uint64_t bytes = 0;         // of the file so far
  std::uint64_t milliseconds = 0;  // since it began
};

struct LiveDumpCallbacks {
  std::function<void(const LiveDumpProgress&)> progress;  // several times a second; may be empty
  const std::atomic<bool>* cancel = nullptr;              // true: the kernel is asked to stop
};

struct LiveDump {
  Status status = kSuccess;        // the last call's
  bool is_written = false;         // else `why` says why not, and there is no file
  std::string why;                 // a sentence
  std::vector<std::string> notes;  // what was asked for and left out
  std::uint64_t started = 0;       // FILETIME
  std::uint64_t milliseconds = 0;
  std::uint64_t bytes = 0;
  std::vector<LiveDumpEvent> events;  // where the system tells them
  std::string no_events;              // why it does not; a sentence
};

// Writes `path`, which must not be there yet; where that fails the file is gone again. What this
// Windows does not know is asked for anew without: version 2 of the control block, user pages.
LiveDump take_live_dump(System& system, const std::filesystem::path& path,
                        const LiveDumpOptions& options, const LiveDumpCallbacks& callbacks);

}  // namespace ntstack::capture
