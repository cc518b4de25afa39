// The names that a module has, sorted, so that those with one beginning are found at once.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "symbols/symbolizer.h"

namespace ntstack::console {

class NameLists {
 public:
  // Those that begin with `prefix` in any case of letters. Lists are made when first asked for.
  std::span<const std::string> symbols(symbols::Symbolizer& symbolizer, std::size_t module,
                                       std::string_view prefix);
  std::span<const std::string> types(symbols::Symbolizer& symbolizer, std::size_t module,
                                     std::string_view prefix);

 private:
  using Lists = std::map<std::size_t, std::vector<std::string>>;  // by module
  Lists symbols_, types_;
};

}  // namespace ntstack::console
