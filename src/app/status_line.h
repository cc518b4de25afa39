// What a long command is doing: on a terminal one line that changes, elsewhere a line for each
// step.
#pragma once

#include <cstdio>
#include <string>

namespace ntstack::app {

class StatusLine {
 public:
  StatusLine(std::FILE* err, bool is_quiet);
  ~StatusLine();  // the line that changes goes away
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  // A passing line is replaced by the next, and is not written where there is no terminal.
  void say(const std::string& text, bool is_passing);

 private:
  void clear();

  std::FILE* err_;
  bool is_quiet_, is_terminal_;
  bool has_line_ = false;
};

}  // namespace ntstack::app
