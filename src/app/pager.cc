#include "app/pager.h"

#include <algorithm>

#ifdef _WIN32
#include "app/windows_console.h"
#else
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "app/ending.h"
#endif

namespace ntstack::app {
namespace {

#ifdef _WIN32
struct Keys {
  char read() const { return read_key(); }
};
#else
// Keys without their echo and without a signal for Ctrl-C, as long as it lives.
class Keys {
 public:
  Keys() {
    is_set_ = tcgetattr(STDIN_FILENO, &before_) == 0;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (!is_set_) return;
    at_signal(give_back);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  ~Keys() {
    if (!is_set_) return;
    give_back();
    at_signal(nullptr);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;

  // 'q' where the input has ended.
  char read() const {
    char key = 'q';
    return is_set_ && ::read(STDIN_FILENO, &key, 1) == 1 ? key : 'q';
  }

 private:
  static void give_back() { tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }
  // For a signal's handler; there is one terminal.
  static inline termios before_{};
  bool is_set_ = false;
};
#endif

// How many columns a text takes: a character each, whatever its bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

TerminalSize terminal_size() {
  TerminalSize size;
#ifdef _WIN32
  if (const auto found = console_size()) size = *found;
#else
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 0 && window.ws_col > 0)
    size = {window.ws_row, window.ws_col};
#endif
  return size;
}

void Pager::begin() {
  size_ = terminal_size();
  rows_ = column_ = 0;
  was_left_ = false;
}

void Pager::write(std::string_view text) {
  while (!text.empty() && !was_left_) {
    const std::size_t end = text.find('\n');
    write_row(text.substr(0, end == std::string_view::npos ? end : end + 1));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

void Pager::write_row(std::string_view row) {
  if (rows_ + 1 >= size_.rows && column_ == 0) wait_for_key();
  if (was_left_) return;
  std::fwrite(row.data(), 1, row.size(), out_);
  column_ += width_of(row);
  if (!row.ends_with('\n')) return;
  rows_ += std::max<std::size_t>(1, (column_ - 1 + size_.columns - 1) / size_.columns);
  column_ = 0;
}

void Pager::wait_for_key() {
  constexpr std::string_view question = "-- more: Space a page, Enter a line, q no more --";
  const Keys keys;  // before the question is seen
  std::fwrite(question.data(), 1, question.size(), out_);
  std::fflush(out_);
  const char key = keys.read();
  std::fputs(("\r" + std::string(question.size(), ' ') + "\r").c_str(), out_);
  std::fflush(out_);
  constexpr char ctrl_c = 3, escape = 27;
  if (key == 'q' || key == 'Q' || key == ctrl_c || key == escape) was_left_ = true;
  size_ = terminal_size();
  rows_ = key == '\n' || key == '\r' ? size_.rows - std::min<std::size_t>(size_.rows, 2) : 0;
}

}  // namespace ntstack::app
