// llvm-undname over a batch of names.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ntstack::tests {

struct Undname {
  std::optional<std::string> full;   // with its default options; nothing where it refuses the name
  std::optional<std::string> names;  // without all that surrounds names, but with the parameters
};

// What the tool prints for each name, in their order. Names must not be empty, hold or begin or end
// with blanks, or begin with ';' or '#', which the tool takes for comments. Empty where the tool
// failed or did not answer each name.
std::vector<Undname> undname(const std::vector<std::string>& names);

// The name in what the tool prints without results and the like: without "[thunk]: ", the
// parameters and the qualifiers behind them, found from the end of the text by its parentheses
// alone. Nothing where the parentheses do not match, as in the tool's `int (__cdecl * (__cdecl
// *)(float)`.
std::optional<std::string> without_parameters(const std::string& printed);

}  // namespace ntstack::tests
