// What an x86 function's own code says of its frame: decoded from its first instruction on, along
// every branch, it tells how far below the return address ESP (or EBP) is at an instruction, and
// which registers are saved where. Argument pushes and epilogues, which share the body's frame
// record, are told apart by this alone.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/byte_source.h"

namespace ntstack::unwind::x86 {

struct Function {
  std::uint32_t start = 0;   // 0: not known
  std::uint32_t size = 0;    // or kLargestFunction, where only the start is known
  std::uint32_t prolog = 0;  // bytes in which all pushes make the frame, if a record says
};
inline constexpr std::uint32_t kLargestFunction = 0x10000;

// All distances are in bytes below the return address's slot.
struct FrameState {
  // A register that is saved where the code could not be followed; one that was perhaps restored.
  static constexpr std::int32_t somewhere = std::numeric_limits<std::int32_t>::min();
  static constexpr std::int32_t lost = somewhere + 1;

  std::optional<std::int32_t> esp = 0;
  std::optional<std::int32_t> ebp;  // only where it is a frame pointer
  // Of it what the function holds itself, saved registers and locals: the rest is arguments.
  std::int32_t fixed = 0;
  // Slots of saved ebx, ebp, esi, edi, in this order; 0: the register holds the caller's value.
  std::array<std::int32_t, 4> saved{};
  // True where a call's own clean-up of its arguments had to be assumed on the way, and no return
  // that the code comes to bears the assumption out.
  bool assumed = false;
  // True in a part of the function that it calls itself, a handler on its EBP: only that is then
  // kept for the caller.
  bool is_inner = false;
};

// The state before the instruction at `address` is executed. Nothing where no path that could be
// followed leads there from the function's start; an `assumed` state without ESP and EBP where
// paths disagree.
//
// A state counts where the code behind the instruction comes to a return with ESP at the return
// address. Calls whose clean-up is not known are taken to remove all their arguments, or none
// where the caller does: what is wrong with either adds up to a return with ESP elsewhere, unless
// both were taken on one path; that, or a function that does not return, leaves it `assumed`.
// Work is bounded: 64 KB of code, 32768 instructions, and 256 callees of 1024 instructions each.
std::optional<FrameState> frame_state_at(const base::ByteSource& memory, Function function,
                                         std::uint32_t address);

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
