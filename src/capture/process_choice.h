// Which running processes a text names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture {

// By ID (decimal, or hexadecimal with 0x), else by name with or without its extension, in any case.
std::vector<ProcessFacts> processes_named(std::span<const ProcessFacts> processes,
                                          std::string_view text);

// "w3wp.exe (process 4712), 35 threads", one to a line.
std::string list_text(std::span<const ProcessFacts> processes);

}  // namespace ntstack::capture
