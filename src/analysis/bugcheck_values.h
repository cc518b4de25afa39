// What the values of a bugcheck's parameters say: kinds of violation, what was tried, IRQLs,
// exception codes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/architecture.h"
#include "dump/dump.h"

namespace ntstack::analysis {

// "write", "DISPATCH_LEVEL", "STATUS_ACCESS_VIOLATION", "the power IRP was not completed in time":
// what the value of a parameter (0 to 3) says; empty where it says nothing more than its number.
std::string parameter_words(const dump::Bugcheck& bugcheck, std::size_t parameter,
                            base::Architecture architecture);

// "PASSIVE_LEVEL"; empty for a number that is no level by its own name.
std::string_view irql_name(std::uint64_t irql, base::Architecture architecture);

}  // namespace ntstack::analysis
