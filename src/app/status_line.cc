#include "app/status_line.h"

#include <fmt/format.h>

#include "app/output.h"
#include "app/terminal.h"
#include "base/text.h"

namespace ntstack::app {
namespace {
constexpr std::size_t kWidth = 79;
}

StatusLine::StatusLine(std::FILE* err, bool is_quiet)
    : err_(err), is_quiet_(is_quiet), is_terminal_(is_terminal(err)) {}

StatusLine::~StatusLine() { clear(); }

void StatusLine::clear() {
  if (!has_line_) return;
  app::say(err_, "\r{:{}}\r", "", kWidth);
  std::fflush(err_);
  has_line_ = false;
}

void StatusLine::say(const std::string& text, bool is_passing) {
  if (is_quiet_ || (is_passing && !is_terminal_)) return;
  clear();
  if (is_passing) {
    app::say(err_, "\r{:.{}}", base::printable(text), kWidth);
    has_line_ = true;
  } else {
    app::say(err_, "ntstack: {}\n", base::printable(text));
  }
  std::fflush(err_);
}

}  // namespace ntstack::app
