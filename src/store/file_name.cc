#include "store/file_name.h"

#include "base/text.h"

namespace ntstack::store {

std::optional<std::string> safe_file_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;  // what file systems take, in bytes
  const std::string_view last = base::file_name_of(name);
  if (last.size() > kLongest) return std::nullopt;
  // Windows drops dots and spaces at the end, so a name of these alone is "." or nothing.
  if (last.find_first_not_of(". ") == std::string_view::npos) return std::nullopt;
  if (last.find_first_of(":*?\"<>|") != std::string_view::npos) return std::nullopt;
  std::string safe(last);
  if (base::printable(safe) != safe) return std::nullopt;
  return safe;
}

}  // namespace ntstack::store
