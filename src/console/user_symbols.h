// The images of the implicit process and their symbols, as far as the dump has its memory.
#pragma once

#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

// Looks their symbols up and writes what was found; stacks have them from then on. An error: the
// dump does not have the process's modules, and why.
base::Result<void> load_user_symbols(Console& console);

}  // namespace ntstack::console
