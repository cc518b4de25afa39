// Names by patterns.
#pragma once

#include <string_view>

namespace ntstack::console {

// * and ? as WinDbg has them, in any case of letters. In the worst case as many steps as both have
// characters, multiplied.
bool matches_wildcard(std::string_view text, std::string_view pattern);
inline bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?") != std::string_view::npos;
}

}  // namespace ntstack::console
