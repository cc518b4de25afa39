// Times as text.
#pragma once

#include <cstdint>
#include <string>

namespace ntstack::report {

// "2026-03-01 12:00:00 UTC" of a FILETIME.
std::string time_text(std::uint64_t filetime);
// As kd's !thread has what a thread spent: "0:00:00:19.281", days first, of 100 ns.
std::string duration_text(std::uint64_t hundred_ns);

}  // namespace ntstack::report
