// The characters of an expression, read from left to right: blanks, words, operators.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/text.h"

namespace ntstack::console {

inline bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '?';
}

class ExpressionReader {
 public:
  explicit ExpressionReader(std::string_view text) : text_(text) {}

  std::size_t position() const { return at_; }
  void go_to(std::size_t position) { at_ = position; }
  std::string_view rest() const { return text_.substr(at_); }
  bool is_at_end() const { return at_ == text_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  std::string_view from(std::size_t begin) const { return text_.substr(begin, at_ - begin); }
  void skip(std::size_t count = 1) { at_ = std::min(at_ + count, text_.size()); }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  bool take(std::string_view symbol) {
    if (!rest().starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }
  // The letters, digits, _, $ and ? here; nothing is consumed.
  std::string_view word() const {
    std::size_t end = at_;
    while (end < text_.size() && is_word_character(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }
  // A whole word, in any case of letters.
  bool take_word(std::string_view wanted) {
    if (!base::equals_ignoring_case(word(), wanted)) return false;
    at_ += wanted.size();
    return true;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace ntstack::console
