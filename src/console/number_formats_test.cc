// Truth: `.formats 1c407e62` of Microsoft's documentation page of that command, seed 3's listings,
// and what debuggers are quoted to print.
#include "console/number_formats.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

TEST(NumberFormats, AreThoseOfTheDocumentedExample) {
  EXPECT_EQ(formats_text(formats_of(0x1c407e62, false)),
            "Evaluate expression:\n"
            "  Hex:     1c407e62\n"
            "  Decimal: 473988706\n"
            "  Octal:   03420077142\n"
            "  Binary:  00011100 01000000 01111110 01100010\n"
            "  Chars:   .@~b\n"
            // The page's is of its machine's time zone, eight hours behind.
            "  Time:    Mon Jan 07 23:31:46 1985\n"
            "  Float:   low 6.36908e-022 high 0\n"
            "  Double:  2.34182e-315\n");
}

TEST(NumberFormats, A64BitTargetShows64Bits) {
  const NumberFormats formats = formats_of(0x12, true);
  EXPECT_EQ(evaluation_text(formats), "Evaluate expression: 18 = 00000000`00000012\n");
  EXPECT_EQ(formats.octal, "0000000000000000000022");
  EXPECT_EQ(formats.low_float, "2.52234e-044");
  EXPECT_EQ(formats.as_double, "8.89318e-323");
}

TEST(NumberFormats, SeedThreesValuesComeOut) {
  EXPECT_EQ(evaluation_text(formats_of(0x1050, false)), "Evaluate expression: 4176 = 00001050\n");
  const NumberFormats negative = formats_of(0xfffffffffffffd70, false);
  EXPECT_EQ(negative.hex, "fffffd70");
  EXPECT_EQ(negative.decimal, -656);
  EXPECT_EQ(formats_of(0xfffffd70, false).decimal, -656);
}

TEST(NumberFormats, A32BitTargetsValueThatNeedsMoreIsShownWhole) {
  EXPECT_EQ(formats_of(0x1'0000'0000, false).hex, "00000001`00000000");
}

TEST(NumberFormats, TimesOf64BitsAreFileTimes) {
  // 1970-01-01 is 11644473600 s after 1601-01-01.
  const std::uint64_t at = (11644473600ull + 5) * 10'000'000 + 1'234'567;
  EXPECT_EQ(formats_of(at, true).time, "Thu Jan 01 00:00:05.123 1970 (UTC + 0:00)");
  EXPECT_EQ(formats_of(UINT64_MAX, true).time, "***** Invalid FILETIME");
}

TEST(NumberFormats, ValuesThatAreNoNumbersAreNamedAsTheDebuggersDo) {
  EXPECT_EQ(formats_of(UINT64_MAX, true).as_double, "-1.#QNAN");
  EXPECT_EQ(formats_of(0x7ff0000000000000, true).as_double, "1.#INF");
}

}  // namespace
}  // namespace ntstack::console
