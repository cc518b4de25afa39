#include "app/completed_words.h"

#include <gtest/gtest.h>

namespace ntstack::app {
namespace {

TEST(CompletedWord, IsWholeWithABlankWhereItIsTheOnlyOneButForModules) {
  EXPECT_EQ(completed_word({0, {"nt!KeWait"}}), "nt!KeWait ");
  EXPECT_EQ(completed_word({0, {"rdbss!"}}), "rdbss!");
  EXPECT_EQ(completed_word({0, {"!ready", "!running"}}), "!r");
  EXPECT_EQ(completed_word({0, {}}), "");
}

TEST(WordsText, HasAsManyColumnsAsTheTerminalIsWide) {
  EXPECT_EQ(words_text({"a", "bbb", "c"}, 10), "a    bbb\nc\n");
  EXPECT_EQ(words_text({"a", "bbb", "c"}, 1), "a\nbbb\nc\n");
  EXPECT_EQ(words_text({}, 80), "");
  const std::string many = words_text(std::vector<std::string>(203, "word"), 6);
  EXPECT_EQ(std::ranges::count(many, '\n'), 201);
  EXPECT_TRUE(many.ends_with("word\nand 3 more\n"));
}

}  // namespace
}  // namespace ntstack::app
