// Stacks are made by hand: the truth is ours. Against threads of an emulated machine:
// tests/analyze.
#include "analysis/stack_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ntstack::analysis {
namespace {

using stacks::Stack;

Stack stack_of(const std::vector<std::string>& functions, std::uint32_t dump = 0) {
  Stack stack;
  stack.dump = dump;
  for (const std::string& function : functions) {
    stacks::Frame frame;
    frame.symbol.module = "drv";
    frame.symbol.name = function;
    frame.trust = unwind::Trust::unwind_info;
    stack.frames.push_back(frame);
  }
  return stack;
}

std::vector<std::string> long_stack() {
  std::vector<std::string> functions;
  for (int i = 0; i < 18; ++i) functions.push_back("F" + std::to_string(i));
  return functions;
}

TEST(StackGroups, TheSameFramesAreOneGroupOverDumps) {
  const auto groups = stack_groups(
      {stack_of({"A", "B"}, 0), stack_of({"A", "B"}, 1), stack_of({"A", "C"}, 1), Stack()});
  ASSERT_EQ(groups.size(), 2u);
  // What one thread alone does comes first.
  EXPECT_EQ(groups[0].stacks, (std::vector<std::size_t>{2}));
  EXPECT_EQ(groups[1].stacks, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(groups[1].dumps, 2u);
}

// As a hostile dump has them: the same frames in other orders are unlike, but only after a long
// look.
TEST(StackGroups, ManyLongStacksDoNotTakeForEver) {
  std::vector<StackGroup> groups(200);
  std::vector<std::string> frames;
  for (int i = 0; i < 600; ++i) frames.push_back("drv!F" + std::to_string(i));
  std::mt19937 random(1);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    std::ranges::shuffle(frames, random);
    groups[i].frames = frames;
    groups[i].stacks = {i};
  }
  ComparisonWork work{.most = 10'000'000};
  EXPECT_EQ(similar_stacks(groups, work).size(), groups.size());
  EXPECT_GT(work.done, work.most);  // the bound was met
  EXPECT_LT(work.done, work.most + 1'000'000);
}

TEST(StackGroups, NearlyTheSameAreFoundWithTheirDifferences) {
  auto other = long_stack();
  other[5] = "Other";
  other.erase(other.begin() + 9);
  other.push_back("Oldest");
  const auto groups =
      stack_groups({stack_of(long_stack()), stack_of(long_stack()), stack_of(other)});
  const auto similar = similar_stacks(groups);
  ASSERT_EQ(similar.size(), 1u);
  EXPECT_EQ(similar[0].stacks, 3u);
  EXPECT_EQ(groups[similar[0].model].stacks.size(), 2u);  // the model is the largest
  ASSERT_EQ(similar[0].variants.size(), 1u);
  const auto& differences = similar[0].variants[0].differences;
  ASSERT_EQ(differences.size(), 3u);
  EXPECT_EQ(differences[0].at, 5u);
  EXPECT_EQ(differences[0].model, (std::vector<std::string>{"drv!F5"}));
  EXPECT_EQ(differences[0].instead, (std::vector<std::string>{"drv!Other"}));
  EXPECT_EQ(differences[1].model, (std::vector<std::string>{"drv!F9"}));
  EXPECT_TRUE(differences[1].instead.empty());
  EXPECT_EQ(differences[2].at, 18u);
  EXPECT_EQ(differences[2].instead, (std::vector<std::string>{"drv!Oldest"}));
}

TEST(StackGroups, OneDifferenceInSixFramesAndNoMore) {
  auto other = long_stack();
  for (const std::size_t i : {2, 7, 12, 17}) other[i] = "Other";
  EXPECT_EQ(similar_stacks(stack_groups({stack_of(long_stack()), stack_of(other)})).size(), 2u);
  other[17] = "F17";
  EXPECT_EQ(similar_stacks(stack_groups({stack_of(long_stack()), stack_of(other)})).size(), 1u);
  // Five frames are too few to be nearly the same.
  EXPECT_EQ(similar_stacks(stack_groups({stack_of({"A", "B", "C", "D", "E"}),
                                         stack_of({"A", "B", "C", "D", "X"})}))
                .size(),
            2u);
}

TEST(StackGroups, RotatedFramesAreNotNearlyTheSame) {
  auto other = long_stack();
  std::reverse(other.begin(), other.end());  // the same frames, counted
  EXPECT_EQ(similar_stacks(stack_groups({stack_of(long_stack()), stack_of(other)})).size(), 2u);
}

TEST(StackGroups, NothingIsNothing) { EXPECT_TRUE(similar_stacks(stack_groups({})).empty()); }

}  // namespace
}  // namespace ntstack::analysis
