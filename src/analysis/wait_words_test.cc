// What stacks say that threads wait for, by public names of frames.
#include "analysis/wait_words.h"

#include <gtest/gtest.h>

namespace ntstack::analysis {
namespace {

std::optional<WaitWords> waits(std::vector<std::string> names, std::string module = "nt") {
  stacks::Stack stack;
  for (std::string& name : names) {
    stacks::Frame frame;
    frame.symbol.module = module;
    frame.symbol.name = std::move(name);
    stack.frames.push_back(std::move(frame));
  }
  return wait_words_of(stack);
}

TEST(WaitWords, ALockSaysMoreThanTheWaitAboveIt) {
  const auto found = waits({"KiSwapContext", "KeWaitForSingleObject", "ExpWaitForResource",
                            "ExAcquireResourceExclusiveLite"});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->words, "an ERESOURCE");
  EXPECT_EQ(found->kind, WaitKind::lock);
  EXPECT_EQ(found->frame, 2u);
}

TEST(WaitWords, AWorkerWithoutWorkIsIdleAndOneThatWaitsInItsWorkIsNot) {
  EXPECT_EQ(waits({"KiSwapContext", "KeRemoveQueueEx", "ExpWorkerThread"})->kind, WaitKind::idle);
  EXPECT_EQ(waits({"KiSwapContext", "KeWaitForSingleObject", "ExpWorkerThread"})->kind,
            WaitKind::other);
}

TEST(WaitWords, AnotherModulesFunctionOfThatNameIsNone) {
  EXPECT_FALSE(waits({"ExpWaitForResource"}, "mydrv"));
  EXPECT_FALSE(waits({}));
}

}  // namespace
}  // namespace ntstack::analysis
