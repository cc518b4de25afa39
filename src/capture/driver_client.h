// ntstack's driver, as its client sees it: what is asked, and what is read out of its answers. An
// answer is a stranger's bytes like any other: no count or offset of it is followed unchecked.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/bytes.h"
#include "base/error.h"
#include "capture/system.h"
#include "driver/protocol.h"

namespace ntstack::capture {

struct DriverFacts {
  std::uint32_t version = 0;
  base::Architecture architecture = base::Architecture::unknown;
  bool can_remove_apcs = false, can_release_later = false, can_crash = false;
  std::uint32_t abandoned = 0;  // APCs that nobody waits for any more and that did not run yet
  std::uint32_t pinned = 0;     // APCs that keep the driver in memory until the next boot
};

// "version 1, x64; it can crash the machine where it is asked to", without a full stop.
std::string driver_text(const DriverFacts& facts);

// A stack that a thread left for another one.
struct DriverOlderStack {
  std::uint64_t low = 0, high = 0, sp = 0;
  base::Bytes bytes;  // from sp on; points into the answer
};

// A thread of an answer.
struct DriverThread {
  Status status = kSuccess;
  std::uint32_t flags = 0;  // driver::kStackCut and others
  std::uint32_t process_id = 0, thread_id = 0;
  std::uint64_t time = 0;                       // interrupt time, 100 ns
  std::uint64_t stack_low = 0, stack_high = 0;  // limit and base
  driver::Registers registers{};
  std::uint64_t callers_address = 0, callers_caller = 0;
  std::vector<std::uint64_t> frames;    // the kernel's own walk, youngest first
  std::uint32_t hash = 0;               // of these
  base::Bytes stack;                    // from registers.sp on; points into the answer
  std::vector<DriverOlderStack> older;  // the one that was left last first

  bool is_cut() const { return (flags & driver::kStackCut) != 0; }
};

struct DriverAnswer {
  base::Architecture architecture = base::Architecture::unknown;
  std::vector<DriverThread> threads;  // in the order of the handles
};

// Fail where the bytes are not what the driver of this version writes; the sentence says what is
// wrong. `asked`: threads of the request.
base::Result<DriverFacts> read_driver_facts(base::Bytes answer);
base::Result<DriverAnswer> read_driver_answer(base::Bytes answer, std::size_t asked);

struct DriverRequest {
  std::span<const Handle> threads;  // empty: the calling thread
  std::uint32_t milliseconds = 1000;
  std::uint32_t frames_to_skip = 0, frames_to_capture = 0;
  std::uint32_t stack_bytes = 0;

  std::vector<std::byte> bytes() const;  // CaptureIn and the handles
  std::size_t room() const;              // bytes that its answer may take
};

// How many threads one call may be asked for with these limits.
std::size_t most_threads_in_a_call(std::uint32_t frames, std::uint32_t stack_bytes);

class Driver {
 public:
  // Opens the device and asks for the version; the error says what to do. SeDebugPrivilege is to be
  // on. `system` outlives it.
  static base::Result<Driver> open(System& system);

  const DriverFacts& facts() const { return facts_; }

  // One call. `buffer` has the answer, and what comes of it points there. `status`: the call's own;
  // a success where the answer is what is wrong.
  base::Result<DriverAnswer> capture(const DriverRequest& request, std::vector<std::byte>& buffer,
                                     Status& status);
  // Stops the machine: comes back only where the driver refuses.
  Status crash(std::span<const std::uint64_t, 4> parameters);

 private:
  Driver(System& system, Handle device) : system_(&system), device_(system, device) {}
  System* system_;
  Owned device_;
  DriverFacts facts_;
};

}  // namespace ntstack::capture
