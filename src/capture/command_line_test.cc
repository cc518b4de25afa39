// The expected lines are those of Microsoft's "Parsing C command-line arguments"; under Wine the
// program's own start (tests/capture_wine) takes them apart.
#include "capture/command_line.h"

#include <gtest/gtest.h>

namespace ntstack::capture {
namespace {

TEST(CommandLine, PlainArgumentsStandAsTheyAre) {
  EXPECT_EQ(command_line_of({"capture", "w3wp.exe", "-o", R"(C:\a\b)"}),
            R"(capture w3wp.exe -o C:\a\b)");
}

TEST(CommandLine, BlanksEmptinessAndQuotesAreQuoted) {
  EXPECT_EQ(command_line_of({"a b"}), R"("a b")");
  EXPECT_EQ(command_line_of({""}), R"("")");
  EXPECT_EQ(command_line_of({R"(a"b)"}), R"("a\"b")");
}

TEST(CommandLine, BackslashesAreDoubledOnlyBeforeAQuote) {
  EXPECT_EQ(command_line_of({R"(C:\Program Files\)"}), R"("C:\Program Files\\")");
  EXPECT_EQ(command_line_of({R"(a\\"b)"}), R"("a\\\\\"b")");
  EXPECT_EQ(command_line_of({R"(a\b c)"}), R"("a\b c")");
}

}  // namespace
}  // namespace ntstack::capture
