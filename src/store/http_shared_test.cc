#include "store/http_shared.h"

#include <gtest/gtest.h>

namespace ntstack::store::http {
namespace {

TEST(ContentRange, SaysWhereTheBytesBeginAndHowLongTheFileIs) {
  const auto range = read_content_range("bytes 100-199/200");
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 100u);
  EXPECT_EQ(range->length, 200u);
  const auto unknown = read_content_range("bytes 5-9/*");
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->first, 5u);
  EXPECT_FALSE(unknown->length);
}

TEST(ContentRange, NonsenseIsNone) {
  for (const char* text : {"", "bytes", "bytes */200", "bytes 9-5/20", "bytes 0-9/9", "0-9/10",
                           "bytes -5/10", "bytes 1-2", "bytes 99999999999999999999-1/2"})
    EXPECT_FALSE(read_content_range(text)) << text;
}

TEST(Validator, IsAStrongEtagElseTheDate) {
  EXPECT_EQ(validator_of("\"abc\"", "Mon"), "\"abc\"");
  EXPECT_EQ(validator_of("W/\"abc\"", "Mon"), "Mon");
  EXPECT_EQ(validator_of("", "Mon"), "Mon");
  EXPECT_EQ(validator_of("\"", ""), "");
}

TEST(RetryAfter, IsSecondsAlone) {
  EXPECT_EQ(read_retry_after("120"), 120u);
  for (const char* text : {"", "soon", "-1", "12 s", "Fri, 31 Dec 1999 23:59:59 GMT"})
    EXPECT_FALSE(read_retry_after(text)) << text;
}

}  // namespace
}  // namespace ntstack::store::http
