#include "symbols/symbol.h"

#include <fmt/format.h>

#include "base/text.h"

namespace ntstack::symbols {

std::string Symbol::text() const {
  if (module.empty() && name.empty()) return base::hex_text(offset);
  std::string text = base::printable(module);
  if (!name.empty()) {
    if (!text.empty()) text += '!';
    text += base::printable(name);
  }
  if (offset != 0) fmt::format_to(std::back_inserter(text), "+{:#x}", offset);
  return text;
}

}  // namespace ntstack::symbols
