// The exception that a dump is about.
#pragma once

#include <optional>

#include "target/machine.h"

namespace ntstack::analysis {

// Of a kernel dump the record that the bugcheck points to, where its memory is there; else the
// header's, which is of no use where it is the breakpoint that every bugcheck ends in. Of a user
// dump its own. Nothing: there is none.
std::optional<dump::ExceptionRecord> exception_of(const target::Machine& machine);

}  // namespace ntstack::analysis
