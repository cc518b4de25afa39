// What a bugcheck code is called and what its parameters mean, from Microsoft's public bug check
// reference. Codes that are not here are shown by number.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ntstack::analysis {

struct BugcheckMeaning {
  std::uint32_t code;
  std::string_view name;
  std::array<std::string_view, 4> parameters;  // empty where the reference gives none here
};

// Null for a code that is not known. Codes of small dumps (0x1000007E) are found as themselves.
const BugcheckMeaning* bugcheck_meaning(std::uint32_t code);

}  // namespace ntstack::analysis
