// The cursor over a decorated name. A failure sticks and leaves nothing to read, so that every loop
// over the rest ends and callers need to ask only once, at the end.
#pragma once

#include <cstdint>
#include <string_view>

#include "symbols/undecorate_nodes.h"

namespace ntstack::symbols::undecorating {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool failed() const { return failed_; }
  void fail() {
    failed_ = true;
    rest_ = {};
  }

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool at(std::string_view text) const { return rest_.starts_with(text); }
  bool at_digit() const { return !rest_.empty() && is_digit(rest_.front()); }

  void skip(std::size_t count) { rest_.remove_prefix(count); }
  bool consume(char c) {
    if (!at(c)) return false;
    skip(1);
    return true;
  }
  bool consume(std::string_view text) {
    if (!at(text)) return false;
    skip(text.size());
    return true;
  }
  void expect(char c) {
    if (!consume(c)) fail();
  }
  // The next character; NUL, and a failure, at the end.
  char take() {
    if (rest_.empty()) {
      fail();
      return '\0';
    }
    const char c = rest_.front();
    skip(1);
    return c;
  }
  // What lies before the next '@', which is consumed too; a failure without one.
  std::string_view take_until_at() {
    const std::size_t end = rest_.find('@');
    if (end == std::string_view::npos) {
      fail();
      return {};
    }
    const std::string_view found = rest_.substr(0, end);
    skip(end + 1);
    return found;
  }

  // '?' makes it negative; "0" to "9" are 1 to 10; else digits 'A' to 'P' of base 16, ended by '@'.
  Number number() {
    Number result;
    result.is_negative = consume('?');
    if (at_digit()) {
      result.magnitude = static_cast<std::uint64_t>(take() - '0') + 1;
      return result;
    }
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == '@') {
        skip(i + 1);
        return result;
      }
      if (c < 'A' || c > 'P') break;
      result.magnitude = (result.magnitude << 4) + static_cast<std::uint64_t>(c - 'A');
    }
    fail();
    return {};
  }
  std::uint64_t unsigned_number() {
    const Number found = number();
    if (found.is_negative) fail();
    return found.magnitude;
  }
  std::int64_t signed_number() {
    const Number found = number();
    if (found.magnitude > static_cast<std::uint64_t>(INT64_MAX)) fail();
    const auto value = static_cast<std::int64_t>(found.magnitude & INT64_MAX);
    return found.is_negative ? -value : value;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace ntstack::symbols::undecorating
