// What is true of a built world's threads, told by the processor that ran them; and its JSON.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "world/image_loader.h"
#include "world/machine.h"

namespace ntstack::world {

struct TruthFrame {
  std::uint64_t ip = 0;
  std::uint64_t child_sp = 0;  // the stack pointer while the frame's callee is not on the stack
  std::uint64_t return_address = 0;  // IP of the next older frame; the user's for the last
  std::uint64_t return_slot = 0;     // where that lies
  std::uint64_t frame_pointer = 0;   // the register: RBP, FP
  // Set where the way to the caller leads over a machine frame or a trap frame.
  bool machine_frame = false;
  std::uint64_t trap_frame = 0;  // then: of the KTRAP_FRAME that it is, or would be, a part of
};

struct StackSegment {
  std::uint64_t base = 0, limit = 0, initial_stack = 0;
  std::uint64_t used_from = 0;  // the lowest byte in use
};

enum class Capture : std::uint8_t {
  apc,           // stands in the APC that took its context
  switched_out,  // waits behind a KSWITCH_FRAME
  processor,     // runs on a processor, whose context the dump has
  none           // not in the dump
};

struct ThreadTruth {
  std::string role;
  std::uint32_t id = 0;
  std::uint64_t ethread = 0;
  Capture capture = Capture::none;
  std::uint32_t status = 0;            // in the dump's status list
  std::vector<TruthFrame> frames;      // youngest first, kernel mode only
  std::vector<StackSegment> segments;  // the one in use first
  std::uint64_t user_rip = 0, user_rsp = 0;
  std::vector<std::uint8_t> context;  // CONTEXT, of the APC or the processor
  std::optional<unsigned> processor;  // where it runs
};

// A machine at a bugcheck.
struct Crash {
  std::vector<ThreadTruth> threads;  // one for each processor, by its number
  unsigned crashed = 1;              // the processor
  std::uint32_t bugcheck = 0;
  std::array<std::uint64_t, 4> parameters{};
  struct Memory {
    std::uint64_t address, size;
  };
  std::vector<Memory> more;  // that the dump has besides
};

// The CONTEXT (0x4d0 bytes) of a processor's registers.
std::vector<std::uint8_t> context_of(const Cpu& cpu, std::uint32_t flags);

// The frames of a stopped machine, youngest first, down to the way into user mode.
std::vector<TruthFrame> frames_of(const Machine& machine);

// One line a frame, as published listings have it: "nt!KiSystemServiceCopyEnd+0x13 (TrapFrame @
// ...)".
std::vector<std::string> listing(std::span<const LoadedImage> images, const ThreadTruth& thread);

std::string to_json(std::span<const LoadedImage> images, std::span<const ThreadTruth> threads);

}  // namespace ntstack::world
