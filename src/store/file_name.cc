#include "store/file_name.h"

#include "base/text.h"

namespace ntstack::store {
namespace {

// Names that are devices on Windows, whatever follows a dot (Microsoft's "Naming Files").
bool is_device(std::string_view name) {
  name = name.substr(0, name.find('.'));
  const std::string stem = base::lower(name.substr(0, name.find_last_not_of(' ') + 1));
  for (const std::string_view device : {"con", "prn", "aux", "nul", "conin$", "conout$"})
    if (stem == device) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '0' && stem[3] <= '9';
}

}  // namespace

std::optional<std::string> safe_file_name(std::string_view name) {
  constexpr std::size_t kLongest = 255;  // what file systems take, in bytes
  const std::string_view last = base::file_name_of(name);
  if (last.size() > kLongest) return std::nullopt;
  // Windows drops dots and spaces at the end, so a name of these alone is "." or nothing.
  if (last.find_first_not_of(". ") == std::string_view::npos) return std::nullopt;
  if (last.find_first_of(":*?\"<>|") != std::string_view::npos) return std::nullopt;
  if (is_device(last)) return std::nullopt;
  std::string safe(last);
  if (base::printable(safe) != safe) return std::nullopt;
  return safe;
}

}  // namespace ntstack::store
