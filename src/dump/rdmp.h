// Dumps that a debugger writes of a live machine (.dump /k, /ka and /f; DumpType 8, 9 and 10):
// "RDMP", ranges of page numbers, then the pages.
#pragma once

#include "base/bytes.h"
#include "base/error.h"
#include "dump/dump.h"
#include "dump/header.h"

namespace ntstack::dump {

bool has_rdmp(base::Bytes file, const KernelHeader& header);  // "RDMP" behind the header

// Fails where the file ends inside the RDMP header, or has none.
base::Result<Dump> parse_rdmp(base::Bytes file, const KernelHeader& header);

}  // namespace ntstack::dump
