// Registers that a command takes as the context: .trap, .cxr, .ecxr, .tss.
#pragma once

#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

// Makes them the context, and the thread on whose stack they are.
void give_registers(Console& console, RegisterContext context);
// As r shows them.
base::Result<void> show_registers(Console& console);

}  // namespace ntstack::console
