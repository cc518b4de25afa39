// Windows' console: its size, keys and lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "app/pager.h"

namespace ntstack::app {

std::optional<TerminalSize> console_size();
// A key without its echo; 'q' where the input has ended.
char read_key();
struct ConsoleLine {
  std::string text;         // UTF-8, without its line break
  bool is_for_tab = false;  // Tab ended it: the text before the cursor
  bool has_rest = false;    // there was more behind the cursor, which is given up
};
// `begun` stands in the line already, in front of the cursor. Nothing where the input has ended
// (Ctrl-Z).
std::optional<ConsoleLine> read_console_line(std::string_view begun);

}  // namespace ntstack::app
