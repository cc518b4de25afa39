// A running process as a user dump: each thread's registers and stack as it was while it was
// suspended for a moment, one thread after the other; the rest of memory as it is when it is read.
// Nothing of the process is changed.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/error.h"
#include "capture/live_memory.h"
#include "capture/system.h"
#include "dump/dump.h"

namespace ntstack::capture {

class LiveProcess {
 public:
  // `process` is as it was listed; an ID that has a new user is refused, and so is this program's
  // own process. Threads that could not be read are in the dump's warnings, which name them. Ends
  // with an error, every thread resumed, where `stop` is set; it may be null. `system` outlives
  // the result.
  static base::Result<LiveProcess> take(System& system, const ProcessFacts& process,
                                        const std::atomic<bool>* stop);

  // A minidump of kind, marked as a live one. Each points into this, and may be asked for again.
  dump::Dump dump() const;

 private:
  struct ThreadCopy {
    ThreadFacts facts;
    std::string name;
    std::vector<std::byte> context;
    struct Piece {
      std::uint64_t address = 0;
      std::vector<std::byte> bytes;
    };
    Piece stack;
    Piece wow64_stack;  // of 32-bit code; mostly empty
  };
  class Taking;  // one after the other

  LiveProcess() = default;

  MachineFacts machine_;
  ProcessFacts facts_;
  std::uint64_t time_ = 0;  // FILETIME
  Owned process_;
  std::vector<ThreadCopy> threads_;
  std::vector<dump::ModuleRecord> modules_;
  std::vector<std::string> warnings_;
  std::unique_ptr<base::SegmentSource> stacks_;
  std::unique_ptr<LiveMemory> memory_;
};

}  // namespace ntstack::capture
