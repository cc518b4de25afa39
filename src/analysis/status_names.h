// Names of the NTSTATUS values that exceptions and bugchecks carry (public ntstatus.h).
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::analysis {

// "STATUS_ACCESS_VIOLATION"; empty for a value that is not in the table.
std::string_view status_name(std::uint32_t status);
// What it means, in a few words: "memory that is not there, or must not be touched so".
std::string_view status_words(std::uint32_t status);

}  // namespace ntstack::analysis
