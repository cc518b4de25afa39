// Lines that fit.
#include "report/wrap.h"

#include <gtest/gtest.h>

namespace ntstack::report {
namespace {

TEST(Wrapped, BreaksBetweenWordsAndIndentsWhatFollows) {
  EXPECT_EQ(wrapped("one two three four", "- ", 11), "- one two\n  three\n  four\n");
}
TEST(Wrapped, AWordThatIsTooLongStaysWhole) {
  EXPECT_EQ(wrapped("a aaaaaaaaaaaa b", "", 5), "a\naaaaaaaaaaaa\nb\n");
}
TEST(Wrapped, NothingIsALine) { EXPECT_EQ(wrapped("", "x "), "x \n"); }

}  // namespace
}  // namespace ntstack::report
