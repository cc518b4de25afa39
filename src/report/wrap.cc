#include "report/wrap.h"

#include <algorithm>

namespace ntstack::report {

std::string wrapped(std::string_view text, std::string_view first, std::size_t width) {
  std::string out(first);
  const std::string indent(first.size(), ' ');
  std::size_t column = first.size();
  bool begins = true;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.empty()) continue;
    if (!begins && column + 1 + word.size() > width) {
      out += "\n" + indent;
      column = indent.size();
      begins = true;
    }
    if (!begins) out += ' ';
    out += word;
    column += word.size() + (begins ? 0 : 1);
    begins = false;
  }
  return out + "\n";
}

}  // namespace ntstack::report
