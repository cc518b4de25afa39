// Aliases: texts that stand for others in commands. As Microsoft's "Using Aliases" and "${ } (Alias
// Interpreter)" have them.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ntstack::console {

class Aliases {
 public:
  static constexpr std::size_t kLongest = 0x10000;  // characters, of a value and of a whole line

  // Names are of printable characters without blanks, and tell cases of letters apart.
  base::Result<void> set(std::string_view name, std::string_view value);
  // False: there was none.
  bool erase(std::string_view name);
  void clear() { named_.clear(); }
  const std::map<std::string, std::string, std::less<>>& named() const { return named_; }
  // $u0 to $u9.
  void set_fixed(std::size_t number, std::string_view value) { fixed_.at(number) = value; }

  // `text` with values for names: once, values are not looked into. Names that stand alone are not
  // replaced in a text that begins with as, aS, ad or al. An error: it would become too long.
  base::Result<std::string> replaced_in(std::string_view text) const;

 private:
  std::string braced(std::string_view whole, std::string_view inside) const;
  std::size_t fixed_at(std::string_view text) const;

  std::map<std::string, std::string, std::less<>> named_;
  std::array<std::string, 10> fixed_;
};

// "${/v:name}" and "${name}" are "name", for commands that set and delete aliases.
std::string_view alias_name(std::string_view text);

}  // namespace ntstack::console
