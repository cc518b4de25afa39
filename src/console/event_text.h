// What stopped the machine, and the instruction that it stopped at, as kd shows them.
#pragma once

#include <string>

#include "console/console.h"

namespace ntstack::console {

// `nt!X+0x95:`, and the instruction with what its operands refer to:
// "fffff804`5e688b51 488364242800  and  qword ptr [rsp+28h],0 ss:0018:ffffe10d`62386fd8=..."
std::string instruction_text(Console& console, const RegisterContext& context);
// What a session begins with, behind what the dump is.
std::string opening_text(Console& console);
// The last event: a bugcheck or an exception, with its instruction. Empty: the dump tells of none.
std::string event_text(Console& console);

}  // namespace ntstack::console
