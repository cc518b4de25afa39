// Who uses a kernel stack: its size and what is left, bytes by module and by function, the largest
// frames, what was overhead, and what was entered again and again. From a walked stack alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/overhead.h"
#include "stacks/stack.h"

namespace ntstack::analysis {

// What the page below a stack's limit is, by the dump's page tables.
enum class Guard : std::uint8_t {
  not_known,  // the dump has none, or not the one
  is_there,   // nothing is mapped: who touches it faults
  is_mapped   // something else is there
};
std::string_view name_of(Guard guard);  // "not_known"

// A stack of the thread, or one that the processor ran on above it.
struct SegmentUse {
  target::StackSegment segment;
  std::uint64_t size = 0;        // base - limit
  std::uint64_t used = 0;        // from the lowest stack pointer in it to the base
  std::uint64_t left = 0;        // above the limit
  std::uint64_t past_limit = 0;  // the lowest stack pointer is as far below the limit
  std::uint64_t counted = 0;     // of `used`, in frames
  std::uint64_t at_base = 0;     // of `used`, above the oldest frame: what the kernel keeps there
  std::size_t frames = 0;
  // A thread's stack that is smaller than a large stack may become: by as much it may grow. By
  // KTHREAD.LargeStack where `grows` is known; else by its size alone, for one that is larger than
  // the usual one, if it is one that grows. Some builds have larger ones that don't.
  std::optional<std::uint64_t> may_grow;
  std::optional<bool> grows;
  Guard guard = Guard::not_known;
  // False for a task gate's or an IST's stack, which is there for a crash.
  bool is_accounted = true;
};

// A frame's part of it.
struct FrameUse {
  std::size_t frame = 0;               // index in Stack::frames
  std::optional<std::size_t> segment;  // index in StackAccount::segments; nothing: on none
  std::uint64_t bytes = 0;             // that no frame above has; within its segment
  Overhead overhead = Overhead::none;
};

struct Share {
  std::string module;    // empty: in no module
  std::string function;  // of functions: "Ntfs!NtfsFsdRead"; where no name is known, its call site
  std::size_t frames = 0;
  std::uint64_t bytes = 0;
  std::uint64_t overhead_bytes = 0;  // of `bytes`
  std::uint64_t guessed_bytes = 0;   // of `bytes`, in frames that are guesses
  std::uint64_t largest = 0;         // bytes of its largest frame
  std::size_t largest_frame = 0;     // index in Stack::frames
  std::uint64_t own_bytes() const { return bytes - overhead_bytes; }
};

// What calls itself again, over others or alone.
struct Repetition {
  bool of_functions = false;       // else of modules, of which nt's functions are told apart
  std::vector<std::string> round;  // callers first
  std::size_t rounds = 0;          // whole ones
  std::size_t unfinished = 0;      // of the next round, so many are on the stack
  bool is_exact = true;            // every round is the same
  std::size_t youngest_frame = 0, oldest_frame = 0;  // indexes in Stack::frames
  std::uint64_t bytes = 0;                           // of all frames between, overhead included
};

struct StackAccount {
  std::vector<SegmentUse> segments;
  std::uint64_t size = 0;     // of the accounted segments
  std::uint64_t used = 0;     // likewise
  std::uint64_t left = 0;     // of the segment in use
  std::uint64_t counted = 0;  // bytes in frames
  std::uint64_t overhead = 0, guessed = 0;
  std::size_t frame_count = 0;  // accounted
  std::size_t guessed_frames = 0;
  std::vector<FrameUse> frames;  // accounted ones, youngest first; inlined ones have none
  std::vector<Share> modules;    // by falling own bytes
  std::vector<Share> functions;  // likewise
  std::vector<std::size_t>
      largest;  // indexes in `frames`, by falling bytes; no overhead, none of 0
  std::vector<Repetition> repetitions;  // what covers most bytes first

  // The segment in use; null where no frame is on a known one.
  const SegmentUse* in_use() const;
  // Further stacks that the thread was given, by KeExpandKernelStackAndCallout or a user callback.
  std::size_t expansions() const;
};

// Frames may lie: each counts from the highest address that those above it have up to its end, at
// most to its segment's base, so that no byte counts twice. Frames on no known stack count for
// nothing.
StackAccount account_of(const stacks::Stack& stack, base::Architecture architecture);

// By as much a large stack of that size may grow; nothing: it is whole.
std::optional<std::uint64_t> growth_of(std::uint64_t size, base::Architecture architecture);

}  // namespace ntstack::analysis
