// Secondary data of kernel dumps: pieces tagged with a GUID ("DumpBlob") behind the dump proper,
// written by drivers' bugcheck callbacks and by error reporting.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "dump/dump.h"

namespace ntstack::dump {

// The pieces that begin at `offset`; none where nothing of that kind is there. A piece that the
// file cuts is left out, with a warning.
std::vector<SecondaryData> read_secondary(base::Bytes file, std::uint64_t offset,
                                          std::vector<std::string>& warnings);

}  // namespace ntstack::dump
