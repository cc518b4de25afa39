// Complete kernel dumps of the first kind (DumpType 1): the header's runs of physical memory, one
// after the other.
#pragma once

#include "base/bytes.h"
#include "dump/dump.h"
#include "dump/header.h"

namespace ntstack::dump {

// Never fails: what is missing becomes a warning.
Dump parse_full(base::Bytes file, const KernelHeader& header);

}  // namespace ntstack::dump
