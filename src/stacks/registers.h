// Registers to begin a walk with: from CONTEXT records, trap frames and switch frames.
#pragma once

#include <cstdint>
#include <optional>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "base/bytes.h"
#include "unwind/x64.h"

namespace ntstack::stacks {

// What every architecture has, and on x64 the rest. For x86, gpr[rsp], gpr[rbp] and rip hold ESP,
// EBP and EIP; for ARM64, SP, FP and PC.
using Registers = unwind::x64::Registers;

inline std::uint64_t sp_of(const Registers& registers) { return registers.gpr[unwind::x64::rsp]; }

// The registers of a CONTEXT record; nothing where it is too short or holds no address.
std::optional<Registers> registers_of_context(base::Bytes context, base::Architecture architecture);

// x64 KTRAP_FRAME: an interrupt, an exception or a system call.
inline constexpr std::uint64_t kTrapFrameSize = 0x190;
inline constexpr std::uint64_t kTrapFrameRip = 0x168;
struct TrapFrame {
  std::uint64_t address = 0;  // of the KTRAP_FRAME
  Registers registers;        // of what was interrupted
  bool from_user = false;
};

// The trap frame at `address`, if what lies there is one: its selectors, flags and stack pointer
// agree.
std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint64_t address);

// The registers of a thread that was switched away, from KTHREAD.KernelStack.
std::optional<Registers> registers_of_switch_frame(const base::ByteSource& memory,
                                                   std::uint64_t kernel_stack,
                                                   base::Architecture architecture);

// True for an address of user mode.
bool is_user_address(std::uint64_t address, base::Architecture architecture);

}  // namespace ntstack::stacks
