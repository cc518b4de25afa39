// x86 KTRAP_FRAME: the registers that a trap, an interrupt or a system call saved. Its two layouts
// (XP to 8.0; 8.1 and later) differ in what lies below SegFs: EAX, ECX and EDX, and where an edited
// frame keeps its own CS and ESP.
#pragma once

#include <optional>

#include "unwind/x86.h"

namespace ntstack::unwind::x86 {

inline constexpr std::uint32_t kTrapFrameSize = 0x8c;
// Up to where a trap from kernel mode ends, and where its EIP lies.
inline constexpr std::uint32_t kTrapFrameHeaderSize = 0x74, kTrapFrameEip = 0x68;

struct TrapFrame {
  Registers registers;  // all of them known
  std::uint32_t cs = 0, eflags = 0, error_code = 0;
  bool from_user = false, from_v86 = false;
};

// The trap frame at `address`, if there is one: it has its mark (0xBADB0D00), a code selector that
// Windows uses and flags that a processor can have.
std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint32_t address,
                                         TrapLayout layout);

// The same for a frame that a chain of frame pointers leads to: it begins with copies of the
// interrupted EBP and EIP (DbgEbp, DbgEip), by which a walk along EBP passes through it. Both must
// equal the registers.
std::optional<TrapFrame> read_chained_trap_frame(const base::ByteSource& memory,
                                                 std::uint32_t address, TrapLayout layout);

}  // namespace ntstack::unwind::x86
