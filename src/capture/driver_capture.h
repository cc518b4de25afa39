// Threads of a live process by ntstack's driver: opens them, asks for all in as few calls as they
// fit into, asks again for what was cut or did not answer, and tells of each what became of it.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/driver_client.h"
#include "capture/system.h"
#include "capture/thread_request.h"
#include "capture/triage_batches.h"

namespace ntstack::capture {

struct DriverOptions {
  std::uint32_t milliseconds = 2000;   // of a call, for all of its threads together
  std::uint32_t frames = 128;          // of the kernel's own walk
  std::uint32_t stack_bytes = 0x8000;  // of each stack at first; those that have more come again
  std::uint64_t time_budget = 0;       // milliseconds; a call that has begun is not broken off
};

struct DriverProgress {
  std::size_t threads = 0, settled = 0, captured = 0;
  std::size_t asking = 0;  // threads of the call that begins now
};

struct DriverCallbacks {
  std::function<void(const DriverProgress&)> progress;  // may be empty
  const std::atomic<bool>* cancel = nullptr;  // true: the capture ends before its next call
};

struct DriverRecord {
  ThreadFacts facts;             // as they were listed
  std::uint64_t object = 0;      // ETHREAD; 0 not known
  std::string name;              // its description
  std::optional<Status> status;  // the driver's, or of what failed before
  Outcome outcome = Outcome::pending;
  std::string text;              // a sentence: what became of it
  DriverThread answer;           // where it was captured; it has no bytes itself
  std::vector<std::byte> stack;  // from answer.registers.sp on; empty where Windows denies it

  struct Piece {
    std::uint64_t address = 0;
    std::vector<std::byte> bytes;
  };
  std::vector<Piece> older;  // of the stacks that it left for that one

  bool is_captured() const {
    return outcome == Outcome::captured || outcome == Outcome::captured_in_part;
  }
};

struct DriverCapture {
  std::vector<DriverRecord> threads;  // in the order in which they were to be captured
  DriverFacts driver;
  base::Architecture architecture = base::Architecture::unknown;
  std::size_t calls = 0;
  std::uint64_t milliseconds = 0;
  bool was_cancelled = false, ran_out_of_time = false;
  std::optional<base::Error> error;  // as TriageCapture's

  std::size_t captured() const;
};

// `chosen`: threads of `process`, both as just listed. SeDebugPrivilege is turned on for it, and
// off again where it was off. Every handle is closed on every way out.
DriverCapture capture_by_driver(System& system, const ProcessFacts& process,
                                const ChosenThreads& chosen, const DriverOptions& options,
                                const DriverCallbacks& callbacks);

// Fails for processes that this way can't be asked of: this program's own and Idle.
base::Result<void> check_driver_capturable(const ProcessFacts& process,
                                           std::uint32_t own_process_id);

}  // namespace ntstack::capture
