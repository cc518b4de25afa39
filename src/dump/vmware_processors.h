// The processors' registers in a VMware machine's state.
#pragma once

#include "base/bytes.h"
#include "dump/dump.h"

namespace ntstack::dump {

// Adds a record for each processor that the state speaks of, and their count. The dump's
// architecture is known by then; where it is neither x86 nor x64 there are no contexts.
void read_vmware_processors(base::Bytes state, Dump& dump);

}  // namespace ntstack::dump
