// Decorated names as llvm-undname prints them, parameters included: what the tests compare with it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "symbols/undecorate_print.h"

namespace ntstack::symbols::undecorating {

// Nothing where `decorated` can't be read as a decorated name.
std::optional<std::string> undecorate_whole(std::string_view decorated, Detail detail);

}  // namespace ntstack::symbols::undecorating
