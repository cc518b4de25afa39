// Where the offsets of the kernel's structures are from, for `ntstack info`.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "target/machine.h"

namespace ntstack::report {

// A line for each source: "offsets   KDBG: KTHREAD.Teb f0, ..."; the unknown ones last. Empty for a
// dump without a kernel.
std::string offset_lines(const target::Machine& machine);
// [{"structure": "_KTHREAD", "field": "Teb", "offset": 240, "source": "kdbg"}, ...]
nlohmann::ordered_json offset_list(const target::Machine& machine);

}  // namespace ntstack::report
