// Recursion and re-entrance on a stack: cycles of modules and of functions, with their bytes.
#pragma once

#include <vector>

#include "analysis/stack_account.h"

namespace ntstack::analysis {

// "Ntfs!NtfsFsdRead"; the call site where no name is known, or only that of an export before it,
// which may be another function's.
std::string function_text(const stacks::Frame& frame);

// Of the frames that an account has. What covers most bytes first.
std::vector<Repetition> repetitions_of(const stacks::Stack& stack,
                                       const std::vector<FrameUse>& frames);

}  // namespace ntstack::analysis
