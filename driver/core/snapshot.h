// What is taken of the stack of the thread that runs: registers, limits, bytes and frames.
#pragma once

#include "driver/core/kernel.h"

namespace ntstack::driver {

// A walk by unwind tables has this much of the driver's own frames at its young end at most.
inline constexpr std::uint32_t kMostOwnFrames = 8;

struct Wanted {
  std::uint32_t frames_to_skip = 0, frames_to_capture = 0;
  std::uint32_t stack_bytes = 0;
};

// The room that the frames take while they are walked: those left out come first.
constexpr std::uint32_t frame_room(const Wanted& wanted) {
  return wanted.frames_to_capture == 0
             ? 0
             : wanted.frames_to_capture + wanted.frames_to_skip + kMostOwnFrames;
}

// A stack that the one in use, or another of these, was entered from
// (KeExpandKernelStackAndCallout, calls back to user mode).
struct OlderSnapshot {
  StackLimits limits;
  std::uint64_t sp = 0;          // where the stack pointer was
  std::uint32_t stack_size = 0;  // bytes from sp on, behind those of the younger ones
};

struct Snapshot {
  std::uint64_t time = 0;
  StackLimits limits;
  Registers registers{};
  std::uint32_t flags = 0;  // of ThreadOut
  std::uint32_t hash = 0;
  std::uint32_t frame_count = 0;
  std::uint32_t stack_size = 0;
  std::uint32_t older_count = 0;
  OlderSnapshot older[kMostOlderStacks];  // the youngest first
  std::uint64_t* frames = nullptr;        // room for frame_room()
  std::byte* stack = nullptr;             // room for Wanted::stack_bytes: of all stacks together
};

// Fills `to`, whose buffers are there, for the code whose registers `caller` is. Takes no lock,
// waits for nothing, allocates nothing, and touches no memory that can be paged out: it runs in the
// middle of whatever the thread does.
void take_snapshot(Snapshot& to, const Wanted& wanted, const Registers& caller);

// As RtlCaptureStackBackTrace has it: the sum of the frames' low halves.
std::uint32_t hash_of(const std::uint64_t* frames, std::uint32_t count);

}  // namespace ntstack::driver
