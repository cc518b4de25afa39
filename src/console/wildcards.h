// Names with * and ?, as WinDbg's commands take them.
#pragma once

#include <string_view>

namespace ntstack::console {

// Whether the whole of `text` is what `pattern` says, in any case of letters: * stands for any
// number of characters, ? for one.
bool matches(std::string_view text, std::string_view pattern);

bool has_wildcards(std::string_view pattern);
// Whether `part` is in `text`, in any case of letters.
bool contains_ignoring_case(std::string_view text, std::string_view part);

}  // namespace ntstack::console
