// What .foreach and !list do with text. Truth: WinDbg's documentation of both.
#include "console/repetition.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

TEST(Repetition, ABlockEndsAtItsOwnBrace) {
  const auto block = take_block(" { a; { b } c } rest", '{', '}');
  ASSERT_TRUE(block);
  EXPECT_EQ(block->inside, "a; { b } c");
  EXPECT_EQ(block->rest, "rest");
  EXPECT_FALSE(take_block("{ a; { b }", '{', '}'));
  EXPECT_FALSE(take_block("a { b }", '{', '}'));
  EXPECT_FALSE(take_block("", '{', '}'));
}

TEST(Repetition, TheVariableIsAWordOfItsOwnOrInBraces) {
  EXPECT_EQ(with_value("!thread t - 220 1f", "t", "0x1000"), "!thread 0x1000 - 220 1f");
  EXPECT_EQ(with_value("dt ${t}0; t;t", "t", "5"), "dt 50; 5;5");
  EXPECT_EQ(with_value("dps tt at t", "t", "5"), "dps tt at 5");
}

TEST(Repetition, WordsArePartedByBlanksAndLines) {
  EXPECT_EQ(words_of("0x1\n0x2 \t 0x3\n", 10), (std::vector<std::string>{"0x1", "0x2", "0x3"}));
  EXPECT_EQ(words_of("a b c", 2), (std::vector<std::string>{"a", "b"}));
}

TEST(Repetition, OptionsTakeValuesWithTheirQuotesOff) {
  const Options options =
      read_options(R"(-t nt!_KTHREAD.ThreadListEntry.Flink -x "!thread" -a "1f" $thread)", "txa");
  EXPECT_EQ(options.value_of('t'), "nt!_KTHREAD.ThreadListEntry.Flink");
  EXPECT_EQ(options.value_of('x'), "!thread");
  EXPECT_EQ(options.value_of('a'), "1f");
  EXPECT_EQ(options.rest, "$thread");
  EXPECT_FALSE(options.value_of('e'));
  EXPECT_EQ(read_options("-e -x \"a b\" 10", "x").value_of('x'), "a b");
}

TEST(Repetition, BracesInQuotesAreText) {
  const auto block = take_block(R"({ .echo "}" } rest)", '{', '}');
  ASSERT_TRUE(block);
  EXPECT_EQ(block->inside, R"(.echo "}")");
  EXPECT_EQ(block->rest, "rest");
  ASSERT_TRUE(take_block("{ it\"s }", '{', '}'));
  EXPECT_FALSE(take_block("{ a { b }", '{', '}'));
}

}  // namespace
}  // namespace ntstack::console
