// .printf's format: what stands between its arguments, and how each is written. After Microsoft's
// ".printf" page.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ntstack::console {

// A piece of a format: text, or what one argument is written by.
struct FormatPiece {
  std::string text;  // as it stands, escapes undone; then conversion is empty
  std::string
      conversion;      // "d", "i", "u", "x", "X", "o", "c", "p", "N", "y", "ly", "ma", "mu", ...
  unsigned bits = 32;  // of a number: 64 behind I64 and ll
  bool left = false, zeros = false, plus = false, alternative = false;  // - 0 + #
  std::size_t width = 0;                                                // at most 1000
  std::optional<std::size_t> precision;                                 // likewise
};

// `format`: without its quotes. An error names what is not understood.
base::Result<std::vector<FormatPiece>> format_pieces(std::string_view format);

// A number by a piece of conversion d, i, u, x, X, o, c, p or N.
std::string number_text(const FormatPiece& piece, std::uint64_t value, bool is_64_bit);
// A text with the piece's width and precision.
std::string aligned(const FormatPiece& piece, std::string text);

}  // namespace ntstack::console
