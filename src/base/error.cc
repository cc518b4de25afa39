#include "base/error.h"

#include <ranges>

namespace ntstack::base {

std::string Error::text() const {
  std::string out;
  for (const std::string& step : context | std::views::reverse) out += step + ": ";
  return out + message;
}

}  // namespace ntstack::base
