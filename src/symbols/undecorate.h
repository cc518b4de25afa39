// MSVC's decorated C++ names, names alone: "?f@C@n@@QEAAXXZ" gives "n::C::f", as llvm-undname
// --no-calling-convention --no-return-type --no-access-specifier --no-member-type
// --no-variable-type does, without the argument list. Names that are not decorated come back as
// they are (C's leading
// '_', "@f@8" and "_f@8" stripped on x86 alone).
#pragma once

#include <string>
#include <string_view>

namespace ntstack::symbols {

// Bounded work and depth on any input; what can't be read as a decorated name comes back unchanged.
std::string undecorate(std::string_view decorated, bool is_x86 = false);

}  // namespace ntstack::symbols
