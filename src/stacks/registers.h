// The registers of a frame, whatever its architecture, and those that a walk begins with: from
// CONTEXT records and switch frames.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "base/bytes.h"
#include "unwind/arm64.h"
#include "unwind/x64.h"
#include "unwind/x86.h"

namespace ntstack::stacks {

using Registers =
    std::variant<unwind::x64::Registers, unwind::x86::Registers, unwind::arm64::Registers>;

// RIP, EIP or PC; RSP, ESP or SP.
std::uint64_t ip_of(const Registers& registers);
std::uint64_t sp_of(const Registers& registers);
// RBP, EBP or FP, where it is known.
std::optional<std::uint64_t> frame_pointer_of(const Registers& registers);
// Of a frame of which nothing else is known.
Registers registers_at(base::Architecture architecture, std::uint64_t ip, std::uint64_t sp);
Registers registers_at(base::Architecture architecture, std::uint64_t ip, std::uint64_t sp,
                       std::uint64_t frame_pointer);

// The registers of a CONTEXT record; nothing where it is too short or holds no address.
std::optional<Registers> registers_of_context(base::Bytes context, base::Architecture architecture);

// The same of a CONTEXT where a function was called: what a call does not preserve is unknown.
std::optional<Registers> registers_of_caller(base::Bytes context, base::Architecture architecture);

// The registers of a thread that was switched away, from KTHREAD.KernelStack: in KiSwapContext
// (x64, ARM64), where its KSWITCH_FRAME returns to.
std::optional<Registers> registers_of_switch_frame(const base::ByteSource& memory,
                                                   std::uint64_t kernel_stack,
                                                   base::Architecture architecture);

// x86: the registers that KiSwapContext saved below its return address, for its caller. Its code is
// not needed: the kernel's own stack switch depends on this layout.
std::optional<unwind::x86::Registers> registers_below_switch_frame(const base::ByteSource& memory,
                                                                   std::uint64_t kernel_stack);

// True for an address of user mode.
bool is_user_address(std::uint64_t address, base::Architecture architecture);

}  // namespace ntstack::stacks
