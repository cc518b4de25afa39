// Kernel triage dumps ("minidumps" of the kernel, DumpType 4): the crashing processor's PRCB,
// process, thread and stack, the list of drivers, and blocks of memory at their addresses.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"
#include "dump/header.h"

namespace ntstack::dump {

// Reads what is there; what is missing becomes a warning. Fails only where the file ends before
// the triage dump's own header does.
base::Result<Dump> parse_triage(base::Bytes file, const KernelHeader& header);

}  // namespace ntstack::dump
