// Windows: the console edits lines itself, and remembers them; Tab completes nothing.
#include <cstdio>

#include "app/line_editor.h"
#include "app/windows_console.h"

namespace ntstack::app {

struct LineEditor::State {};

LineEditor::LineEditor(Complete) {}
LineEditor::~LineEditor() = default;

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  std::fputs(prompt.c_str(), stdout);
  std::fflush(stdout);
  return read_console_line();
}

}  // namespace ntstack::app
