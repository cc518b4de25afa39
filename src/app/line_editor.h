// Lines that a user types at a terminal: edited, remembered, completed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "console/completion.h"

namespace ntstack::app {

class LineEditor {
 public:
  using Complete = std::function<console::Completions(std::string_view line_to_cursor)>;

  // Remembers lines in a file of the user's ($XDG_STATE_HOME/ntstack/history, ~/.local/state where
  // that is not set; Windows: for as long as the console lives).
  explicit LineEditor(Complete complete);
  ~LineEditor();

  // Without its line break, in UTF-8; nothing when the input ends.
  std::optional<std::string> read(const std::string& prompt);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ntstack::app
