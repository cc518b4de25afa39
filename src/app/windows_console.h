// Windows' console: its size, keys and lines.
#pragma once

#include <optional>
#include <string>

#include "app/pager.h"

namespace ntstack::app {

std::optional<TerminalSize> console_size();
// A key without its echo; 'q' where the input has ended.
char read_key();
// Without its line break, in UTF-8; nothing where the input has ended (Ctrl-Z).
std::optional<std::string> read_console_line();

}  // namespace ntstack::app
