#include "console/wildcard.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

TEST(Wildcards, StarsAndQuestionMarksStandForCharacters) {
  EXPECT_TRUE(matches_wildcard("KeSetEvent", "ke*event"));
  EXPECT_TRUE(matches_wildcard("KeSetEvent", "Ke???Event"));
  EXPECT_TRUE(matches_wildcard("KeSetEvent", "*"));
  EXPECT_TRUE(matches_wildcard("abcabc", "*abc"));
  EXPECT_FALSE(matches_wildcard("KeSetEvent", "ke*even"));
  EXPECT_FALSE(matches_wildcard("KeSetEvent", "KeSetEvent?"));
  EXPECT_FALSE(matches_wildcard("", "?"));
}

}  // namespace
}  // namespace ntstack::console
