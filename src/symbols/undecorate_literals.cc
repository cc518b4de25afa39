// String literals, "??_C@_05CRC@hello?$AA@": their first characters are in the name.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>

#include "symbols/undecorate_parser.h"

namespace ntstack::symbols::undecorating {
namespace {

int hex_digit(char c) { return c >= 'A' && c <= 'P' ? c - 'A' : -1; }

// One byte: itself, "?$XX" (base 16 of 'A' to 'P'), "?0" to "?9", or letters with the high bit set.
std::uint8_t take_byte(Reader& in) {
  const char c = in.take();
  if (c != '?') return static_cast<std::uint8_t>(c);
  const char code = in.take();
  if (is_digit(code)) return static_cast<std::uint8_t>(",/\\:. \n\t'-"[code - '0']);
  if (code >= 'a' && code <= 'z') return static_cast<std::uint8_t>(0xe1 + (code - 'a'));
  if (code >= 'A' && code <= 'Z') return static_cast<std::uint8_t>(0xc1 + (code - 'A'));
  const int high = code == '$' ? hex_digit(in.take()) : -1;
  const int low = high >= 0 ? hex_digit(in.take()) : -1;
  if (low < 0) in.fail();
  return static_cast<std::uint8_t>(low < 0 ? 0 : high * 16 + low);
}

std::string_view named_escape(std::uint32_t c) {
  switch (c) {
    case '\0':
      return "\\0";
    case '\'':
      return "\\'";
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\a':
      return "\\a";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\v':
      return "\\v";
    default:
      return {};
  }
}

void add_escaped(std::string& out, std::uint32_t c) {
  if (const std::string_view escape = named_escape(c); !escape.empty()) {
    out += escape;
  } else if (c >= 0x20 && c < 0x7f) {
    out += static_cast<char>(c);
  } else {
    const std::string digits = fmt::format("{:X}", c);
    out += digits.size() % 2 == 0 ? "\\x" : "\\x0";
    out += digits;
  }
}

// The literal's kind is not in the name but for wchar_t: char, char16_t or char32_t are told by how
// many zeros there are, as llvm-undname does. `size` is the whole literal's in bytes.
std::size_t guess_character_size(std::span<const std::uint8_t> bytes, std::uint64_t size) {
  if (size % 2 == 1) return 1;
  if (size < 32) {
    const auto last = std::find_if(bytes.rbegin(), bytes.rend(), [](auto b) { return b != 0; });
    const auto zeros = last - bytes.rbegin();
    if (zeros >= 4 && size % 4 == 0) return 4;
    return zeros >= 2 ? 2 : 1;
  }
  const auto zeros = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), 0));
  if (zeros >= 2 * bytes.size() / 3 && size % 4 == 0) return 4;
  return zeros >= bytes.size() / 3 ? 2 : 1;
}

std::string quoted(std::string_view prefix, const std::string& text, bool is_cut) {
  return fmt::format("{}\"{}\"{}", prefix, text, is_cut ? "..." : "");
}

std::string wide_literal(Reader& in, std::uint64_t size) {
  const bool is_cut = size > 64;
  std::string text;
  for (std::uint64_t left = size; !in.failed() && !in.consume('@'); left -= 2) {
    const std::uint32_t high = take_byte(in);
    const std::uint32_t low = take_byte(in);
    // All but the terminating zero.
    if (left != 2 || is_cut) add_escaped(text, high << 8 | low);
  }
  return quoted("L", text, is_cut);
}

std::string narrow_literal(Reader& in, std::uint64_t size) {
  constexpr std::size_t kMaxBytes = 128;
  std::array<std::uint8_t, kMaxBytes> bytes{};
  std::size_t count = 0;
  while (!in.failed() && !in.consume('@')) {
    if (count == kMaxBytes) {
      in.fail();
      break;
    }
    bytes[count++] = take_byte(in);
  }
  const bool is_cut = size > count;
  const std::size_t width = guess_character_size(std::span(bytes).first(count), size);
  std::string text;
  const std::size_t characters = count / width;
  for (std::size_t i = 0; i < characters; ++i) {
    if (i + 1 == characters && !is_cut) break;
    std::uint32_t c = 0;
    for (std::size_t b = 0; b < width; ++b) {
      c |= static_cast<std::uint32_t>(bytes[i * width + b]) << (8 * b);
    }
    add_escaped(text, c);
  }
  return quoted(width == 1 ? "" : width == 2 ? "u" : "U", text, is_cut);
}

}  // namespace

Symbol* Parser::string_literal() {
  if (!in_.consume("@_")) in_.fail();
  const char kind = in_.take();
  if (kind != '0' && kind != '1') in_.fail();
  const std::uint64_t size = in_.unsigned_number();
  if (size < (kind == '1' ? 2U : 1U)) in_.fail();
  in_.take_until_at();  // a checksum
  if (in_.at_end()) in_.fail();
  return text_symbol(keep(kind == '1' ? wide_literal(in_, size) : narrow_literal(in_, size)));
}

}  // namespace ntstack::symbols::undecorating
