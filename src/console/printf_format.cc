#include "console/printf_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ntstack::console {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 16> kConversions = {
    "msa", "msu", "ma", "mu", "ly", "y", "d", "i", "u", "x", "X", "o", "c", "p", "N", "s"};

std::size_t number_in(std::string_view format, std::size_t& at) {
  constexpr std::size_t most = 1000;
  std::size_t number = 0;
  for (; at < format.size() && format[at] >= '0' && format[at] <= '9'; ++at)
    number = std::min(most, number * 10 + static_cast<std::size_t>(format[at] - '0'));
  return number;
}

void take_flags(std::string_view format, std::size_t& at, FormatPiece& piece) {
  for (; at < format.size(); ++at) {
    switch (format[at]) {
      case '-':
        piece.left = true;
        break;
      case '0':
        piece.zeros = true;
        break;
      case '+':
        piece.plus = true;
        break;
      case '#':
        piece.alternative = true;
        break;
      case ' ':
        break;
      default:
        return;
    }
  }
}

void take_size(std::string_view format, std::size_t& at, FormatPiece& piece) {
  for (const std::string_view size : {"I64", "ll", "l", "h", "w"}) {
    const std::string_view rest = format.substr(at);
    if (!rest.starts_with(size) || rest.starts_with("ly")) continue;
    if (size == "I64" || size == "ll") piece.bits = 64;
    if (size == "h") piece.bits = 16;
    at += size.size();
    return;
  }
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
    case 'a':
    case 'b':
      return ' ';
    default:
      return c;
  }
}

base::Result<FormatPiece> take_piece(std::string_view format, std::size_t& at) {
  const std::size_t begin = at++;
  FormatPiece piece;
  take_flags(format, at, piece);
  piece.width = number_in(format, at);
  if (at < format.size() && format[at] == '.') piece.precision = number_in(format, ++at);
  take_size(format, at, piece);
  for (const std::string_view each : kConversions) {
    if (!format.substr(at).starts_with(each)) continue;
    piece.conversion = each == "s" ? "ma" : each;
    at += each.size();
    return piece;
  }
  return base::fail("'{}' is not a format that .printf knows",
                    base::printable(format.substr(begin, std::min(at + 2, format.size()) - begin)));
}

// Cut to the bits, with the sign of a d or i.
std::string decimal_text(const FormatPiece& piece, std::uint64_t value) {
  const bool is_signed = piece.conversion != "u";
  const unsigned unused = 64 - piece.bits;
  if (!is_signed) return fmt::format("{}", value << unused >> unused);
  const auto number = static_cast<std::int64_t>(value << unused) >> unused;
  return piece.plus && number >= 0 ? fmt::format("+{}", number) : fmt::format("{}", number);
}

}  // namespace

base::Result<std::vector<FormatPiece>> format_pieces(std::string_view format) {
  std::vector<FormatPiece> pieces;
  std::string text;
  const auto end_text = [&] {
    if (text.empty()) return;
    pieces.emplace_back().text = std::move(text);
    text.clear();
  };
  for (std::size_t at = 0; at < format.size();) {
    const char c = format[at];
    if (c == '\\' && at + 1 < format.size()) {
      text += unescaped(format[at + 1]);
      at += 2;
    } else if (c == '%' && format.substr(at).starts_with("%%")) {
      text += c;
      at += 2;
    } else if (c == '%') {
      end_text();
      auto piece = take_piece(format, at);
      if (!piece) return std::unexpected(piece.error());
      pieces.push_back(std::move(*piece));
    } else {
      text += c;
      ++at;
    }
  }
  end_text();
  return pieces;
}

std::string aligned(const FormatPiece& piece, std::string text) {
  if (text.size() < piece.width) {
    const std::size_t missing = piece.width - text.size();
    text.insert(piece.left ? text.size() : 0, missing, ' ');
  }
  return text;
}

std::string number_text(const FormatPiece& piece, std::uint64_t value, bool is_64_bit) {
  const std::string& kind = piece.conversion;
  const unsigned unused = 64 - piece.bits;
  const std::uint64_t cut = value << unused >> unused;
  const std::uint64_t pointer = is_64_bit ? value : value & UINT32_MAX;
  std::string text, prefix;
  if (kind == "c") {
    const auto c = static_cast<unsigned char>(value);
    return aligned(piece, c < 0x20 || c > 0x7e ? "?" : std::string(1, static_cast<char>(c)));
  }
  if (kind == "p") return aligned(piece, fmt::format("{:0{}x}", pointer, is_64_bit ? 16 : 8));
  if (kind == "N") return aligned(piece, fmt::format("{:0{}X}", pointer, is_64_bit ? 16 : 8));
  if (kind == "d" || kind == "i" || kind == "u") text = decimal_text(piece, value);
  if (kind == "x") text = fmt::format("{:x}", cut);
  if (kind == "X") text = fmt::format("{:X}", cut);
  if (kind == "o") text = fmt::format("{:o}", cut);
  if (piece.alternative && cut != 0)
    prefix = kind == "x" ? "0x" : kind == "X" ? "0X" : kind == "o" ? "0" : "";
  if (text.starts_with('-') || text.starts_with('+')) {
    prefix = text[0];
    text.erase(0, 1);
  }
  std::size_t digits = piece.precision.value_or(0);
  if (piece.zeros && !piece.left && !piece.precision && piece.width > prefix.size())
    digits = piece.width - prefix.size();
  if (text.size() < digits) text.insert(0, digits - text.size(), '0');
  return aligned(piece, prefix + text);
}

}  // namespace ntstack::console
