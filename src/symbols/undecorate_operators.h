// The codes of operators and of functions that the compiler makes.
#pragma once

#include <cstddef>
#include <string_view>

namespace ntstack::symbols::undecorating {

// What "?X", "?_X" or "?__X" stands for ("operator==", "`vector deleting dtor'"), by the number of
// underscores; empty for what is no operator or is read in its own way.
std::string_view operator_text(std::size_t underscores, char code);

}  // namespace ntstack::symbols::undecorating
