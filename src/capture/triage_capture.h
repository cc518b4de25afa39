// All threads of a live process, in as many kernel triage dumps as it takes: opens them, asks for
// one dump after another, and tells of each thread what became of it.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "capture/system.h"
#include "capture/thread_request.h"
#include "capture/triage_batches.h"
#include "capture/triage_request.h"

namespace ntstack::capture {

struct TriageOptions {
  bool is_unattended = false;     // at most 10 threads in the first dump, then the rest
  std::uint64_t time_budget = 0;  // milliseconds; a call that has begun is not broken off; 0: none
  std::uint32_t flags = 0;        // of the control block: for experts
  std::uint32_t bugcheck_code = kTriageBugcheckCode;
};

struct TriageProgress {
  std::size_t threads = 0, settled = 0, captured = 0;
  std::size_t calls = 0;           // that are over
  std::size_t asking = 0;          // threads of the call that begins now; 0: one has ended
  std::uint64_t milliseconds = 0;  // since the capture began
  bool is_retry = false;           // of threads that did not answer: each may take 5 s
};

struct TriageCallbacks {
  // Stores a dump, numbered from 0 without a gap. Where it fails, the capture ends.
  std::function<base::Result<void>(std::size_t number, std::span<const std::byte> dump)> store;
  std::function<void(const TriageProgress&)> progress;  // may be empty
  const std::atomic<bool>* cancel = nullptr;  // true: the capture ends before its next call
};

struct ThreadRecord {
  ThreadFacts facts;                    // as they were listed
  std::uint64_t object = 0;             // ETHREAD; 0 not known
  std::string name;                     // its description
  std::optional<std::size_t> dump;      // number of the dump that has the most of it
  StackBytes stack = StackBytes::none;  // what that has
  bool may_lack_io = false;      // that dump was nearly full behind it: its pending I/O may be cut
  std::optional<Status> status;  // the last that a call gave of it
  Outcome outcome = Outcome::pending;
  std::string text;     // a sentence: what became of it
  bool is_new = false;  // not there when the capture began
};

struct CallRecord {
  std::uint64_t time = 0;               // FILETIME when it began
  std::uint64_t milliseconds = 0;       // how long it took
  std::size_t asked = 0, captured = 0;  // threads
  Status status = kSuccess;
  std::optional<std::size_t> dump;  // its number; nothing where none was stored
  std::size_t bytes = 0;            // of the dump
  std::string complaint;            // what was wrong with it
  bool has_list = false;            // the kernel's own of statuses
};

struct TriageCapture {
  std::vector<ThreadRecord> threads;  // in the order in which they were to be captured
  std::vector<CallRecord> calls;
  std::size_t dumps = 0;
  std::uint64_t bytes = 0;         // of all dumps
  std::uint64_t milliseconds = 0;  // from begin to end
  bool was_cancelled = false, ran_out_of_time = false;
  std::size_t thread_room = 0;  // bytes that one dump has for threads on this machine; 0 unknown
  // Set where it ended before its end, and where nothing could be captured at all: why, and what
  // else can be done. What was stored before stays as good as it is.
  std::optional<base::Error> error;
  Status error_status = kSuccess;  // of the call that it is about, where it is about one

  std::size_t count(Outcome outcome) const;
  bool has_any() const;  // of any thread a stack
};

// `chosen`: threads of `process`, both as just listed. SeDebugPrivilege is turned on for it, and
// off again where it was off. Every handle is closed on every way out; nothing of the process is
// changed.
TriageCapture capture_triage(System& system, const ProcessFacts& process,
                             const ChosenThreads& chosen, const TriageOptions& options,
                             const TriageCallbacks& callbacks);

}  // namespace ntstack::capture
