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

Origin kernel_origin(std::uint64_t written = 1000) {
  Origin origin;
  origin.architecture = base::Architecture::x64;
  origin.build = 19041;
  origin.kernel_base = 0xfffff8045e000000;
  origin.written = written;
  return origin;
}

Origin user_origin() {
  Origin origin;
  origin.is_user = true;
  origin.architecture = base::Architecture::x64;
  origin.build = 19045;  // of the kernel's 19041, as programs see it
  return origin;
}

DumpStacks kernel_dump(std::vector<Stack> stacks, const Origin& origin = kernel_origin()) {
  return {std::move(stacks), "k.dmp", origin};
}
DumpStacks user_dump(std::vector<Stack> stacks, const Origin& origin = user_origin()) {
  return {std::move(stacks), "a.dmp", origin};
}

TEST(Join, AUserStackGoesBelowTheKernelsOfTheSameInstructionAndStackPointer) {
  for (const bool user_first : {false, true}) {
    std::vector<DumpStacks> dumps = {kernel_dump({kernel_stack(kKernelThread)}),
                                     user_dump({user_stack(0xd67c9fe328)})};
    if (user_first) std::swap(dumps[0], dumps[1]);
    const auto joined = join(std::move(dumps)).stacks;
    ASSERT_EQ(joined.size(), 1u);
    ASSERT_EQ(joined[0].frames.size(), 3u);
    EXPECT_EQ(joined[0].frames[2].ip, 0x7ffe61405593u);
    EXPECT_TRUE(joined[0].frames[2].is_user);
    EXPECT_EQ(joined[0].end, End::base);
    EXPECT_EQ(joined[0].dump, user_first ? 1u : 0u);
    EXPECT_EQ(joined[0].user_dump, user_first ? 0u : 1u);
  }
}

TEST(Join, OfDifferentMomentsBothAreGivenAndSaidToBe) {
  const auto joined =
      join({kernel_dump({kernel_stack(kKernelThread)}), user_dump({user_stack(0xd67c9fe320)})})
          .stacks;
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].frames.size(), 2u);
  ASSERT_EQ(joined[1].notes.size(), 1u);
  EXPECT_NE(joined[1].notes[0].find("a.dmp"), std::string::npos);
  EXPECT_FALSE(joined[1].lacks_kernel_stack);
}

TEST(Join, AUserPartThatTheKernelsDumpHasItselfStaysUnlessTheUserDumpsIsBetter) {
  Stack own = kernel_stack(kKernelThread);
  own.frames.push_back(frame(0x7ffe61405593, 0xd67c9fe330, true));
  own.end = End::lost;
  auto joined = join({kernel_dump({own}), user_dump({user_stack(0xd67c9fe328)})}).stacks;
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].frames.size(), 3u);
  EXPECT_EQ(joined[0].end, End::base);

  own.end = End::base;
  own.frames.push_back(frame(0x7ffe61400000, 0xd67c9fe3b0, true));
  Stack user = user_stack(0xd67c9fe328);
  user.end = End::memory_missing;
  joined = join({kernel_dump({own}), user_dump({user})}).stacks;
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].frames.size(), 4u);
  EXPECT_EQ(joined[0].end, End::base);
}

TEST(Join, AThreadOfSeveralTriageDumpsIsGivenOnceWithItsLongestStack) {
  const auto joined = join({kernel_dump({kernel_stack(kKernelThread), kernel_stack(kOtherThread)}),
                            kernel_dump({kernel_stack(kKernelThread, 3)})})
                          .stacks;
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].frames.size(), 4u);
  EXPECT_EQ(joined[1].thread, &kOtherThread);
}

TEST(Join, AWholeStackIsBetterThanABrokenOneAndOfEqualOnesTheYounger) {
  Stack broken = kernel_stack(kKernelThread, 7), empty = kernel_stack(kKernelThread);
  broken.end = End::lost;
  empty.frames.clear();
  auto joined = join({kernel_dump({empty}), kernel_dump({broken}),
                      kernel_dump({kernel_stack(kKernelThread, 2)})})
                    .stacks;
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].dump, 2u);
  joined = join({kernel_dump({kernel_stack(kKernelThread, 2)}, kernel_origin(2000)),
                 kernel_dump({kernel_stack(kKernelThread, 3)}, kernel_origin(1000))})
               .stacks;
  EXPECT_EQ(joined[0].dump, 0u);
}

TEST(Join, OfAThreadsStacksTheOneIsTakenThatTheUserDumpGoesOnFrom) {
  Stack other = kernel_stack(kKernelThread);
  other.frames.back().child_sp -= 0x100;
  const auto joined =
      join({kernel_dump({kernel_stack(kKernelThread)}), kernel_dump({other}, kernel_origin(5000)),
            user_dump({user_stack(0xd67c9fe328)})})
          .stacks;
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(joined[0].dump, 0u);
  EXPECT_EQ(joined[0].user_dump, 2u);
}

TEST(Join, ThreadsOfOtherProcessesStayApart) {
  target::Thread foreign = kUserThread;
  foreign.process_id = 0x1bc8;
  Stack user = user_stack(0xd67c9fe328);
  user.thread = &foreign;
  const auto joined = join({kernel_dump({kernel_stack(kKernelThread)}), user_dump({user})}).stacks;
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_TRUE(joined[1].lacks_kernel_stack);
}

TEST(Join, ThreadsOfOtherBootsAndReusedObjectsStayApart) {
  Origin moved = kernel_origin(), later = kernel_origin(), started = kernel_origin();
  moved.kernel_base += 0x200000;
  started.boot_time = 100;
  later.boot_time = 100 + 7200ull * 10'000'000;
  const auto stacks_of = [](const Origin& a, const Origin& b) {
    Joined joined = join({kernel_dump({kernel_stack(kKernelThread)}, a),
                          kernel_dump({kernel_stack(kKernelThread)}, b)});
    EXPECT_EQ(joined.notes.size(), joined.stacks.size() - 1);
    return joined.stacks.size();
  };
  EXPECT_EQ(stacks_of(kernel_origin(), kernel_origin()), 1u);
  EXPECT_EQ(stacks_of(kernel_origin(), moved), 2u);
  EXPECT_EQ(stacks_of(started, later), 2u);

  target::Thread first = kKernelThread, second = kKernelThread;
  first.create_time = 0x1d6f0a1c0ffee00;
  second.create_time = *first.create_time + 1;
  EXPECT_EQ(
      join({kernel_dump({kernel_stack(first)}), kernel_dump({kernel_stack(second)})}).stacks.size(),
      2u);
}

TEST(Join, AUserDumpOfAYoungerProcessIsSaidNotToBelong) {
  Origin user = user_origin(), kernel = kernel_origin(0x1d6f0a1c0ffee00);
  user.process_create_time = *kernel.written + 3600ull * 10'000'000;
  const Joined joined = join({kernel_dump({kernel_stack(kKernelThread)}, kernel),
                              user_dump({user_stack(0xd67c9fe328)}, user)});
  EXPECT_EQ(joined.stacks.size(), 2u);
  EXPECT_EQ(joined.notes.size(), 1u);
}

// Of one ID, as only a damaged dump has them.
TEST(Join, ManyThreadsOfOneIdAreGivenInReasonableTime) {
  std::vector<target::Thread> threads;
  threads.reserve(100'000);
  std::vector<Stack> kernel, user;
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    threads.push_back(thread_of(0xffffcf8d00000000 + 0x1000 * i, 0x5920));
    kernel.push_back(kernel_stack(threads.back()));
    user.push_back(user_stack(0x1000 * i));
  }
  EXPECT_EQ(join({kernel_dump(std::move(kernel)), user_dump(std::move(user))}).stacks.size(),
            100'000u);
}

}  // namespace
}  // namespace ntstack::stacks
