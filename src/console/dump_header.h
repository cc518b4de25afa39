// The headers of a dump's file, field by field, as .dumpdebug shows them: what is written there,
// not what it was taken for.
#pragma once

#include <string>

#include "dump/dump.h"

namespace ntstack::console {

// Of a kernel dump or a user minidump; of others what the container holds. Layouts: the SDK's
// wdbgexts.h and minidumpapiset.h.
std::string dump_header_text(const dump::Dump& dump);

// A piece of tagged data with its first `most` bytes: "{GUID} - 0x578 bytes".
std::string secondary_text(const dump::SecondaryData& data, std::size_t most);

}  // namespace ntstack::console
