#include "driver/core/snapshot.h"

namespace ntstack::driver {
namespace {

constexpr std::uint64_t kPage = 0x1000;
// The kernel's walk keeps a CONTEXT and an unwind history on the stack.
constexpr std::uint64_t kWalkNeeds = 0x1800;

// At DISPATCH_LEVEL and above a page fault is a bugcheck: of the stack's pages the one in use is
// resident for sure. (Seed 2: such a walk ends where the page does.)
std::uint64_t end_of_readable(std::uint64_t sp, const StackLimits& limits) {
  if (!kernel::at_dispatch_level()) return limits.high;
  const std::uint64_t page_end = (sp | (kPage - 1)) + 1;
  return page_end < limits.high ? page_end : limits.high;
}

void copy_stack(Snapshot& to, std::uint32_t room) {
  const std::uint64_t sp = to.registers.sp;
  if (room == 0 || sp < to.limits.low || sp >= to.limits.high) return;
  const std::uint64_t end = end_of_readable(sp, to.limits);
  std::uint64_t size = end - sp;
  if (end != to.limits.high) to.flags |= kStackCut;
  if (size > room) {
    size = room;
    to.flags |= kStackCut;
  }
  to.stack_size = static_cast<std::uint32_t>(size);
  __builtin_memcpy(to.stack, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sp)),
                   to.stack_size);
}

// The driver's own frames stand at the young end, known by its image's range: nobody has to guess
// how many they are.
std::uint32_t own_frames(const std::uint64_t* frames, std::uint32_t count) {
  std::uint32_t own = 0;
  while (own < count && kernel::is_in_driver(frames[own])) ++own;
  return own;
}

void walk_frames(Snapshot& to, const Wanted& wanted) {
  if (wanted.frames_to_capture == 0) return;
  if (kernel::stack_left() < kWalkNeeds) {
    to.flags |= kNoFrameWalk;
    return;
  }
  const std::uint32_t room = frame_room(wanted);
  std::uint32_t count = kernel::walk(to.frames, room);
  if (count > room) count = room;
  std::uint32_t first = own_frames(to.frames, count) + wanted.frames_to_skip;
  if (first > count) first = count;
  std::uint32_t kept = count - first;
  if (kept > wanted.frames_to_capture) kept = wanted.frames_to_capture;
  if (count == room || kept < count - first) to.flags |= kFramesCut;
  for (std::uint32_t i = 0; i < kept; ++i) to.frames[i] = to.frames[first + i];
  to.frame_count = kept;
  to.hash = hash_of(to.frames, kept);
}

}  // namespace

std::uint32_t hash_of(const std::uint64_t* frames, std::uint32_t count) {
  std::uint32_t hash = 0;
  for (std::uint32_t i = 0; i < count; ++i) hash += static_cast<std::uint32_t>(frames[i]);
  return hash;
}

void take_snapshot(Snapshot& to, const Wanted& wanted, const Registers& caller) {
  to.time = kernel::interrupt_time();
  to.limits = kernel::stack_limits();
  to.registers = caller;
  copy_stack(to, wanted.stack_bytes);
  walk_frames(to, wanted);
}

}  // namespace ntstack::driver
