// User minidumps ("MDMP"), as MiniDumpWriteDump, Crashpad and debuggers write them: threads with
// their contexts and stacks, modules with the names of their PDBs, memory, the exception.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"

namespace ntstack::dump {

bool is_minidump(base::Bytes file);  // "MDMP"

// Reads what is there; what is missing becomes a warning. Fails where the file has no directory of
// streams, or does not say what processor it is from.
base::Result<Dump> parse_minidump(base::Bytes file);

}  // namespace ntstack::dump
