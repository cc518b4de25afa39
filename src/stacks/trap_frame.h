// KTRAP_FRAMEs as they lie on a stack: what an interrupt, an exception or a system call saved.
#pragma once

#include <cstdint>
#include <optional>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "stacks/registers.h"
#include "unwind/x86_trap.h"

namespace ntstack::stacks {

// The layout of x86's KTRAP_FRAME in a build of Windows.
unwind::x86::TrapLayout trap_layout(std::uint32_t build);

struct TrapFrame {
  std::uint64_t address = 0;  // of the KTRAP_FRAME
  Registers registers;        // of what was interrupted
  bool from_user = false;
};

// The trap frame at `address`, if what lies there is one: its selectors or mode, its flags and its
// stack pointer agree; on x86 it has its mark. `build` tells x86's two layouts apart.
std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint64_t address,
                                         base::Architecture architecture, std::uint32_t build);

// Bytes of a KTRAP_FRAME, and what its address is a multiple of.
std::uint64_t trap_frame_size(base::Architecture architecture);
std::uint64_t trap_frame_alignment(base::Architecture architecture);
// The first of its bytes that reading it needs.
std::uint64_t trap_frame_needs(base::Architecture architecture);

}  // namespace ntstack::stacks
