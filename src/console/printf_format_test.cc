// .printf's formats; numbers against C's own printf.
#include "console/printf_format.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

namespace ntstack::console {
namespace {

std::string formatted(std::string_view format, std::uint64_t value, bool wide = true) {
  const auto pieces = format_pieces(format);
  if (!pieces) return "error: " + pieces.error().text();
  std::string out;
  for (const FormatPiece& piece : *pieces)
    out += piece.conversion.empty() ? piece.text : number_text(piece, value, wide);
  return out;
}

template <class Number>
std::string by_c(const char* format, Number value) {
  std::array<char, 2048> text{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(text.data(), text.size(), format, value);
#pragma GCC diagnostic pop
  return text.data();
}

TEST(Printf, NumbersAreThoseOfC) {
  for (const char* format :
       {"%d",  "%i",  "%u",   "%x",   "%X",    "%o",      "%5d",    "%-5d|", "%05d", "%+d",
        "%#x", "%#o", "%08x", "%.4x", "%8.4x", "%-8.4x|", "%#010x", "%+.3d", "a%db", "100%% %d"})
    for (const std::uint64_t value : {0ULL, 1ULL, 255ULL, 4294967295ULL, 2147483648ULL})
      EXPECT_EQ(formatted(format, value), by_c(format, static_cast<unsigned>(value))) << format;
}

TEST(Printf, I64AndLlAreSixtyFourBits) {
  constexpr std::uint64_t value = 0xfffff80012345678;
  EXPECT_EQ(formatted("%I64x", value), by_c("%llx", static_cast<unsigned long long>(value)));
  EXPECT_EQ(formatted("%lld", value), by_c("%lld", static_cast<long long>(value)));
  EXPECT_EQ(formatted("%x", value), "12345678");
}

TEST(Printf, PointersHaveTheTargetsWidth) {
  EXPECT_EQ(formatted("%p", 0x1000), "0000000000001000");
  EXPECT_EQ(formatted("%p", 0xffffffff80001000, false), "80001000");
}

TEST(Printf, EscapesAreUndone) { EXPECT_EQ(formatted(R"(a\tb\n\"q\\)", 0), "a\tb\n\"q\\"); }

TEST(Printf, WhatItDoesNotKnowIsNamed) {
  EXPECT_EQ(formatted("x%q", 0), "error: '%q' is not a format that .printf knows");
  EXPECT_EQ(formatted("%", 0), "error: '%' is not a format that .printf knows");
  EXPECT_EQ(formatted("%99999999999999999999d", 1).size(), 1000U);
}

TEST(Printf, ACharacterIsShownOrAQuestionMark) {
  EXPECT_EQ(formatted("%c%c", 'A'), "AA");
  EXPECT_EQ(formatted("%c", 0x1b), "?");
}

}  // namespace
}  // namespace ntstack::console
