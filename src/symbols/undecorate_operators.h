// The codes of operators and of functions that the compiler makes.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ntstack::symbols::undecorating {

// What "?X", "?_X" or "?__X" stands for ("operator==", "`vector deleting dtor'"), by the number of
// underscores; empty for the codes that stand for nothing known, as llvm-undname has them; nothing
// for what is no code.
std::optional<std::string_view> operator_text(std::size_t underscores, char code);

}  // namespace ntstack::symbols::undecorating
