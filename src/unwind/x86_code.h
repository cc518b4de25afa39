// What an x86 function's own code says of its frame: decoded from its first instruction on, along
// every branch, it tells how far below the return address ESP (or EBP) is at an instruction, and
// which registers are saved where. Argument pushes and epilogues, which share the body's frame
// record, are told apart by this alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/byte_source.h"

namespace ntstack::unwind::x86 {

// All distances are in bytes below the return address's slot.
struct FrameState {
  std::optional<std::int32_t> esp = 0;
  std::optional<std::int32_t> ebp;  // only where it is a frame pointer
  // Of it what the function holds itself, saved registers and locals: the rest is arguments.
  std::int32_t fixed = 0;
  // Slots of saved ebx, ebp, esi, edi, in this order; 0: the register holds the caller's value.
  std::array<std::int32_t, 4> saved{};
  // True where a call's own clean-up of its arguments had to be assumed on the way.
  bool assumed = false;
};

// The state before the instruction at `address` is executed, in the function whose first
// instruction is at `start` and which is `size` bytes long. Nothing where no path that could be
// followed leads there.
std::optional<FrameState> frame_state_at(const base::ByteSource& memory, std::uint32_t start,
                                         std::uint32_t size, std::uint32_t address);

// A slot counted from ESP, or from EBP where `from_ebp`, as they are now.
struct StackPlace {
  std::int32_t offset = 0;
  bool from_ebp = false;
};

// The rest of an epilogue: the slot of the return address, and of ebx, ebp, esi, edi those that
// are still to be popped.
struct LeavingFrame {
  StackPlace return_slot;
  std::array<std::optional<StackPlace>, 4> popped;
};

// Nothing where the code at `address` is not the rest of an epilogue: releases of the frame, pops
// and a return, without a branch.
std::optional<LeavingFrame> leaving_frame_at(const base::ByteSource& memory, std::uint32_t address);

}  // namespace ntstack::unwind::x86
