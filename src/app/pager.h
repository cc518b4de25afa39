// Long output on a terminal, a page at a time.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

namespace ntstack::app {

struct TerminalSize {
  std::size_t rows = 24, columns = 80;
};
// Of the terminal that standard output is; 24 by 80 where it does not say.
TerminalSize terminal_size();

class Pager {
 public:
  explicit Pager(std::FILE* out) : out_(out) {}

  // Another command's output begins.
  void begin();
  // Stops at each full page until a key says how to go on. What comes after `q` is left out.
  void write(std::string_view text);
  // Whether the user has seen enough: what writes may stop.
  bool was_left() const { return was_left_; }

 private:
  void write_row(std::string_view row);
  void wait_for_key();

  std::FILE* out_;
  TerminalSize size_;
  std::size_t rows_ = 0;    // since the last stop
  std::size_t column_ = 0;  // of the row that is not ended yet
  bool was_left_ = false;
};

}  // namespace ntstack::app
