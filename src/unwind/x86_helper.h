// Leaving a helper that changes its caller's frame (__chkstk, _SEH_prolog4, _SEH_epilog4): its last
// instructions executed on the registers as they are, since the return address may be in a register
// or written over.
#pragma once

#include <optional>

#include "unwind/x86.h"

namespace ntstack::unwind::x86 {

struct Returned {
  Registers registers;  // behind the return; of the callee's, those are known that still are
  std::uint32_t return_slot = 0;
};

// Nothing where a branch, a call or an instruction that is not understood comes before the return,
// or memory is missing. At most 24 instructions.
std::optional<Returned> execute_to_return(const base::ByteSource& memory,
                                          const Registers& registers);

}  // namespace ntstack::unwind::x86
