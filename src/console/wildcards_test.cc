#include "console/wildcards.h"

#include <gtest/gtest.h>

#include <string>

namespace ntstack::console {
namespace {

TEST(Wildcards, StandForAnyNumberOfCharactersOrOne) {
  EXPECT_TRUE(matches("nt!KeWaitForSingleObject", "NT!kewait*object"));
  EXPECT_TRUE(matches("abc", "a?c"));
  EXPECT_TRUE(matches("", "*"));
  EXPECT_FALSE(matches("abc", "a?"));
  EXPECT_FALSE(matches("nt!KeWaitForSingleObject", "KeWait*"));
  EXPECT_FALSE(matches("", "?"));
}

TEST(Wildcards, ManyStarsEndSoon) {
  const std::string text(100'000, 'a');
  EXPECT_FALSE(matches(text, "*a*a*a*a*b"));
}

TEST(Wildcards, PartsAreFoundInAnyCase) {
  EXPECT_TRUE(contains_ignoring_case("Ntfs!NtfsFsdRead", "ntfs!"));
  EXPECT_TRUE(contains_ignoring_case("x", ""));
  EXPECT_FALSE(contains_ignoring_case("x", "xx"));
}

}  // namespace
}  // namespace ntstack::console
