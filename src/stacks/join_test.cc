// Stacks of several dumps of one process. The stacks are put down by hand; the rule is that a user
// part belongs to a kernel part exactly where instruction and stack pointer are the same.
#include "stacks/join.h"

#include <gtest/gtest.h>

namespace ntstack::stacks {
namespace {

target::Thread thread_of(std::uint64_t address, std::uint64_t id) {
  target::Thread thread;
  thread.address = address;
  thread.id = id;
  thread.process_id = 0x3adc;
  return thread;
}

const target::Thread kKernelThread = thread_of(0xffffcf8d5ae14080, 0x5920);
const target::Thread kUserThread = thread_of(0, 0x5920);
const target::Thread kOtherThread = thread_of(0xffffcf8d4f63e080, 0x2240);

Frame frame(std::uint64_t ip, std::uint64_t sp, bool is_user = false) {
  Frame frame;
  frame.ip = ip;
  frame.child_sp = sp;
  frame.is_user = is_user;
  return frame;
}

Stack kernel_stack(const target::Thread& thread, std::size_t frames = 1) {
  Stack stack;
  stack.thread = &thread;
  for (std::size_t i = 0; i < frames; ++i)
    stack.frames.push_back(frame(0xfffff8045e20d9f5, 0xffffe10d62387990));
  stack.frames.push_back(frame(0x7ffe6390d184, 0xd67c9fe328, true));
  stack.end = End::user_mode;
  return stack;
}

Stack user_stack(std::uint64_t sp) {
  Stack stack;
  stack.thread = &kUserThread;
  stack.frames = {frame(0x7ffe6390d184, sp), frame(0x7ffe61405593, sp + 8)};
  stack.end = End::base;
  return stack;
}

TEST(Join, AUserStackGoesBelowTheKernelsOfTheSameInstructionAndStackPointer) {
  const auto joined = join(
      {{{user_stack(0xd67c9fe328)}, true, "a.dmp"}, {{kernel_stack(kKernelThread)}, false, ""}});
  ASSERT_EQ(joined.size(), 1u);
  ASSERT_EQ(joined[0].frames.size(), 3u);
  EXPECT_EQ(joined[0].frames[2].ip, 0x7ffe61405593u);
  EXPECT_TRUE(joined[0].frames[2].is_user);
  EXPECT_EQ(joined[0].end, End::base);
}

TEST(Join, OfDifferentMomentsBothAreGivenAndSaidToBe) {
  const auto joined = join(
      {{{kernel_stack(kKernelThread)}, false, ""}, {{user_stack(0xd67c9fe320)}, true, "a.dmp"}});
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].frames.size(), 2u);
  ASSERT_EQ(joined[1].notes.size(), 1u);
  EXPECT_NE(joined[1].notes[0].find("a.dmp"), std::string::npos);
}

TEST(Join, AThreadOfSeveralTriageDumpsIsGivenOnceWithItsLongestStack) {
  const auto joined = join({{{kernel_stack(kKernelThread), kernel_stack(kOtherThread)}, false, ""},
                            {{kernel_stack(kKernelThread, 3)}, false, ""}});
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].frames.size(), 4u);
  EXPECT_EQ(joined[1].thread, &kOtherThread);
}

TEST(Join, ThreadsOfOtherProcessesStayApart) {
  target::Thread foreign = kUserThread;
  foreign.process_id = 0x1bc8;
  Stack user = user_stack(0xd67c9fe328);
  user.thread = &foreign;
  EXPECT_EQ(join({{{kernel_stack(kKernelThread)}, false, ""}, {{user}, true, "b.dmp"}}).size(), 2u);
}

}  // namespace
}  // namespace ntstack::stacks
