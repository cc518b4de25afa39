// x86 has no unwind data, and a function that runs another one on another stack leaves no machine
// frame: its own code says how it comes back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "base/byte_source.h"
#include "unwind/x86.h"

namespace ntstack::stacks {

// True for an address on one of the stacks that may have been left.
using IsOldStack = std::function<bool(std::uint32_t address)>;

// The registers behind the instruction at EIP, where that takes the old stack back: `pop esp`, or
// `mov esp, register` with a register that calls keep. How many parameters the callee removed may
// not be known: the first word that is an address on an old stack is taken then. `memory` is asked
// for the code and the stack.
std::optional<unwind::x86::Registers> registers_on_old_stack(const base::ByteSource& memory,
                                                             const unwind::x86::Registers& here,
                                                             const IsOldStack& is_old_stack);

// The caller, where the rest of the function is an epilogue. Its ESP does not count parameters that
// the return removes.
std::optional<unwind::x86::Registers> leave_function(const base::ByteSource& memory,
                                                     const unwind::x86::Registers& here);

}  // namespace ntstack::stacks
