// x86 KTRAP_FRAME: the registers that a trap, an interrupt or a system call saved. Its two layouts
// (XP to 8.0; 8.1 and later) differ only where an edited frame keeps its own CS and ESP.
#pragma once

#include <optional>

#include "unwind/x86.h"

namespace ntstack::unwind::x86 {

enum class TrapLayout : std::uint8_t { xp_to_8_0, since_8_1 };
inline constexpr std::uint32_t kTrapFrameSize = 0x8c;

struct TrapFrame {
  Registers registers;  // all of them known
  std::uint32_t cs = 0, eflags = 0, error_code = 0;
  bool from_user = false, from_v86 = false;
};

// The trap frame at `address`, if there is one: it has its mark (0xBADB0D00), a code selector that
// Windows uses and flags that a processor can have.
std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint32_t address,
                                         TrapLayout layout);

}  // namespace ntstack::unwind::x86
