// A stack against the kernel's own walk of it, which ntstack's driver brought along: a cross-check,
// and all that there is of a stack whose bytes Windows denies.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "stacks/stack.h"
#include "symbols/symbolizer.h"

namespace ntstack::stacks {

// A sentence where the kernel's walk (`kernel`, youngest first) has other frames than the stack, or
// more; else empty. The kernel's walk may begin above or below the stack's first frame, and may end
// earlier.
std::string kernel_walk_note(const Stack& stack, std::span<const std::uint64_t> kernel,
                             symbols::Symbolizer& symbolizer);

}  // namespace ntstack::stacks
