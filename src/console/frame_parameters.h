// kp and kP: the parameters of a frame's function and their values, by its private symbols.
#pragma once

#include <string>

#include "console/console.h"
#include "stacks/stack.h"

namespace ntstack::console {

// "(void * Context = 0xfffff880`1adb8c40, unsigned long Count = 5)"; `in_lines`: each on a line of
// its own. A value is what lies where the PDB has the parameter in memory: on x64 optimized code
// may have put other things there. Empty: the PDB has no record of the function, or there is none.
std::string parameters_text(Console& console, const stacks::Stack& stack,
                            const stacks::Frame& frame, bool in_lines);

}  // namespace ntstack::console
