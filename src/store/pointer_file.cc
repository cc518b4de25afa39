#include "store/pointer_file.h"

#include <string_view>

#include "base/text.h"

namespace ntstack::store {

Pointer read_pointer(base::Bytes file) {
  constexpr std::size_t kLongest = 32768;  // of a path
  std::string_view line = file.text(0, kLongest);
  line = line.substr(0, line.find_first_of("\r\n"));
  const auto after = [&](std::string_view keyword) {
    if (!base::equals_ignoring_case(line.substr(0, keyword.size()), keyword)) return false;
    line.remove_prefix(keyword.size());
    while (line.starts_with(' ')) line.remove_prefix(1);
    return true;
  };
  const bool is_message = after("MSG:");
  if (!is_message) after("PATH:");
  if (base::printable(line) != line) return {};
  Pointer pointer;
  (is_message ? pointer.message : pointer.path) = line;
  return pointer;
}

}  // namespace ntstack::store
