// What the kernel left in a triage dump of a process's threads: which of them it has, what became
// of the others, and how the room was used. No symbols are needed for it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "capture/system.h"
#include "target/capture_status.h"

namespace ntstack::capture {

// A thread that the dump was asked for.
struct AskedThread {
  std::uint32_t id = 0;
  std::uint64_t object = 0;  // where the system told it; 0 not known
};

enum class StackBytes : std::uint8_t {
  none,
  part,  // the stack in use, but not every one that it was entered from
  whole  // or not known to be missing: where this build keeps the stack may not be known
};

struct ThreadInDump {
  std::optional<Status> status;  // nothing where the dump has no list of them
  target::Capture capture = target::Capture::not_attempted;
  std::uint64_t object = 0;  // ETHREAD in the dump; 0 it is not there
  StackBytes stack = StackBytes::none;
  std::size_t bytes = 0;  // of the dump that it took, up to the next thread's object
  std::size_t needs = 0;  // at the least, by its object: that and its stacks; 0 not known
  // The dump was nearly full behind it: of what it does, its pending I/O, something may be left
  // out.
  bool may_lack_io = false;
};

struct TriageContents {
  bool has_list = false;              // of statuses
  std::vector<ThreadInDump> threads;  // in the order of the request
  std::size_t processors = 0;         // whose KPRCB is there
  std::size_t processor_bytes = 0;    // of one KPRCB
  std::size_t thread_room = 0;        // bytes that were there for threads, before the first
  std::size_t left = 0;               // bytes of the room that are unused
  std::size_t first = SIZE_MAX;       // the first one that it has; what it lacks did not fit alone

  // The kernel stopped for want of room.
  bool is_full() const;
};

// `room`: bytes that the kernel had for the dump. A dump without the kernel's list of statuses
// counts a thread as captured where its object and its stack are there, and can't tell why others
// are not.
base::Result<TriageContents> read_triage_contents(base::Bytes dump,
                                                  std::span<const AskedThread> asked,
                                                  std::size_t room);

}  // namespace ntstack::capture
