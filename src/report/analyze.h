// What an analysis puts together for stack_use_text and stacks_text, for `ntstack` and its console
// alike.
#pragma once

#include <cstddef>
#include <string>

#include "report/stack_use.h"

namespace ntstack::report {

// Accounts of threads that nothing but their room speaks of.
inline constexpr std::size_t kMostAccounts = 3;

// The account of a stack, with the evidence of its largest frames; `top`: how many rows are shown.
StackUse stack_use_of(const stacks::Stack& stack, const target::Machine& machine,
                      symbols::Symbolizer& symbolizer, std::size_t top);

// What the bugcheck's parameters mean, a line each; empty: none is known.
std::string bugcheck_parameters_text(const dump::Dump& dump);

}  // namespace ntstack::report
