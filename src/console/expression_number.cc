#include "console/expression_number.h"

#include "console/expression_reader.h"

namespace ntstack::console {
namespace {

unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 16;
}

// Digits from `at` on; an accent stands between digits.
Number digits_of(std::string_view text, std::size_t at, unsigned radix) {
  Number number;
  for (; at < text.size(); ++at) {
    if (text[at] == '`') {
      number.has_accent = true;
      continue;
    }
    const unsigned digit = digit_of(text[at]);
    if (digit >= radix) break;
    number.overflows |= number.value > (UINT64_MAX - digit) / radix;
    number.value = number.value * radix + digit;
  }
  number.length = at;
  return number;
}

bool ends_at(std::string_view text, std::size_t at) {
  if (at == text.size()) return true;
  const bool is_bang = text[at] == '!' && !text.substr(at).starts_with("!=");
  return !is_word_character(text[at]) && !is_bang && text[at] != '`' &&
         !text.substr(at).starts_with("::");
}

std::optional<unsigned> prefix_of(std::string_view text) {
  if (text.size() < 2 || text[0] != '0') return std::nullopt;
  switch (text[1] | 0x20) {
    case 'x':
      return 16;
    case 'n':
      return 10;
    case 't':
      return 8;
    case 'y':
      return 2;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Number> read_number(std::string_view text, unsigned radix) {
  if (const auto prefix = prefix_of(text)) {
    const Number number = digits_of(text, 2, *prefix);
    // "If you do not add a number after the prefix, the number is read as 0."
    return ends_at(text, number.length) ? std::optional(number) : std::nullopt;
  }
  if (text.empty() || text[0] == '`') return std::nullopt;
  Number number = digits_of(text, 0, radix);
  if (number.length != 0 && ends_at(text, number.length)) return number;
  number = digits_of(text, 0, 16);
  const bool has_h = number.length < text.size() && (text[number.length] | 0x20) == 'h';
  if (number.length == 0 || !has_h || !ends_at(text, number.length + 1)) return std::nullopt;
  ++number.length;
  return number;
}

}  // namespace ntstack::console
