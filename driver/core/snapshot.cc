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

// Bytes of a stack go behind what is there; how many fit.
std::uint32_t append(Snapshot& to, std::uint32_t at, std::uint32_t room, std::uint64_t sp,
                     std::uint64_t end) {
  std::uint64_t size = end - sp;
  if (size > room) {
    size = room;
    to.flags |= kStackCut;
  }
  __builtin_memcpy(to.stack + at, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(sp)),
                   static_cast<std::size_t>(size));
  return static_cast<std::uint32_t>(size);
}

std::uint64_t word_at(std::uint64_t address) {
  std::uintptr_t word = 0;
  __builtin_memcpy(&word, reinterpret_cast<const void*>(static_cast<std::uintptr_t>(address)),
                   sizeof(word));
  return word;
}

bool is_page(std::uint64_t address) { return address != 0 && address % kPage == 0; }

// KSTACK_CONTROL (Windows 8 and later): {StackBase, ActualLimit with flags, ..., at 10 the stack
// that this one was entered from: {StackBase, StackLimit, KernelStack, InitialStack}}. How far
// below the base it stands differs between versions, so it is known by what it says of its own
// stack: both ends must be right. The kernel itself goes back by it, so what it says of the other
// is too.
bool read_older(const StackLimits& of, std::uint64_t at, OlderSnapshot& older) {
  constexpr std::uint64_t kWord = sizeof(std::uintptr_t), kPrevious = 0x10;
  const std::uint64_t limit = word_at(at + kWord) & ~(kPage - 1);
  if (word_at(at) != of.high || !is_page(limit) || limit > of.low) return false;
  older.limits.high = word_at(at + kPrevious);
  older.limits.low = word_at(at + kPrevious + kWord);
  older.sp = word_at(at + kPrevious + 2 * kWord);
  const std::uint64_t initial = word_at(at + kPrevious + 3 * kWord);
  return is_page(older.limits.high) && is_page(older.limits.low) && older.limits.low < older.sp &&
         older.sp <= initial && initial < older.limits.high &&
         older.limits.high - older.limits.low <= kMostStackBytes;
}

bool find_older(const StackLimits& of, std::uint64_t sp, OlderSnapshot& older) {
  // Between it and the base may lie the thread's extended state (370 bytes, AVX-512's are more).
  constexpr std::uint64_t kNearest = 0x20, kFarthest = 0x2000, kStep = 0x10;
  for (std::uint64_t below = kNearest; below <= kFarthest && sp + below <= of.high; below += kStep)
    if (read_older(of, of.high - below, older)) return true;
  return false;
}

// The thread runs, so all of its stacks are resident. Each takes its record's room in the answer,
// too.
void copy_older_stacks(Snapshot& to, std::uint32_t room) {
  StackLimits limits = to.limits;
  std::uint64_t sp = to.registers.sp;
  std::uint32_t copied = to.stack_size, used = to.stack_size;
  for (OlderSnapshot& older : to.older) {
    if (!find_older(limits, sp, older)) return;
    if (room - used <= sizeof(OlderStack)) {
      to.flags |= kStackCut;
      return;
    }
    used += std::uint32_t{sizeof(OlderStack)};
    older.stack_size = append(to, copied, room - used, older.sp, older.limits.high);
    copied += older.stack_size;
    used += older.stack_size;
    limits = older.limits;
    sp = older.sp;
    ++to.older_count;
  }
}

void copy_stack(Snapshot& to, std::uint32_t room) {
  const std::uint64_t sp = to.registers.sp;
  if (room == 0 || sp < to.limits.low || sp >= to.limits.high) return;
  const std::uint64_t end = end_of_readable(sp, to.limits);
  to.stack_size = append(to, 0, room, sp, end);
  if (end != to.limits.high)
    to.flags |= kStackCut;
  else
    copy_older_stacks(to, room);
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
