// The x86 worlds are what their stories say; their dumps are the same every time.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "test_files.h"
#include "world/triage_writer.h"
#include "world_x86/stories.h"

namespace ntstack::world {
namespace {

struct Kind {
  const char* modules;
  const KernelLayout& layout;
};

class X86Worlds : public testing::TestWithParam<Kind> {
 protected:
  static std::filesystem::path modules() {
    return tests::binary_dir() / "tests" / "world_x86" / "modules" / GetParam().modules;
  }
  static std::vector<std::string> functions_of(const X86World& world, const ThreadTruth& thread) {
    std::vector<std::string> names;
    for (const std::string& line : listing(world.images(), thread))
      names.push_back(line.substr(0, line.find_first_of("+ ")));
    return names;
  }
  static void expect_on_own_stacks(const ThreadTruth& thread) {
    for (const TruthFrame& frame : thread.frames) {
      bool on_its_stack = false;
      for (const StackSegment& segment : thread.segments)
        on_its_stack |= frame.child_sp >= segment.used_from && frame.child_sp <= segment.base;
      EXPECT_TRUE(on_its_stack);
    }
  }
};

TEST_P(X86Worlds, TheSeedsThreadsStandInTheirCalls) {
  const X86Seed1 seed = build_x86_seed1(modules(), GetParam().layout);
  ASSERT_EQ(seed.threads.size(), 6u);
  const auto worker = functions_of(*seed.world, seed.threads[0]);
  EXPECT_EQ(worker.front(), "nt!DbgkpLkmdSnapThreadInContext");
  EXPECT_EQ(worker.back(), "nt!KiFastCallEntryFrameMade");
  const auto owner = functions_of(*seed.world, seed.threads[1]);
  EXPECT_EQ(owner.front(), "nt!KiSwapContext");
  EXPECT_NE(std::ranges::find(owner, "nt!KeSwitchKernelStackAndCallout"), owner.end());
  EXPECT_EQ(seed.threads[1].segments.size(), 2u);
  for (const ThreadTruth& thread : seed.threads) {
    EXPECT_NE(thread.capture, Capture::none);
    expect_on_own_stacks(thread);
  }
}

TEST_P(X86Worlds, TheCrashCrossesAFaultTheDpcStackAndTheInterrupt) {
  const X86Crash crash = build_x86_processors(modules(), GetParam().layout);
  ASSERT_EQ(crash.threads.size(), 4u);
  const auto names = functions_of(*crash.world, crash.threads[1]);
  EXPECT_EQ(names[0], "nt!KeBugCheckEx");
  EXPECT_EQ(names[1], "nt!KiTrap0E");
  EXPECT_EQ(names[2], "rdbss!RxpScanFcbs");
  EXPECT_NE(std::ranges::find(names, "nt!KiDispatchInterrupt"), names.end());
  EXPECT_NE(std::ranges::find(names, "nt!KiDpcInterrupt"), names.end());
  EXPECT_EQ(crash.threads[1].segments.size(), 2u);
  for (const ThreadTruth& thread : crash.threads) expect_on_own_stacks(thread);
  EXPECT_EQ(crash.threads[2].frames.back().return_address, 0u);
  EXPECT_EQ(crash.threads[3].frames.back().return_address, crash.threads[3].user_rip);
}

TEST_P(X86Worlds, TheDoubleFaultIsATaskAboveTheThread) {
  const X86Crash crash = build_x86_double_fault(modules(), GetParam().layout);
  const ThreadTruth& thread = crash.threads.at(0);
  const auto names = functions_of(*crash.world, thread);
  EXPECT_EQ(names[0], "nt!KeBugCheckEx");
  EXPECT_EQ(names[1], "nt!KiTrap08");
  EXPECT_EQ(names[2], "rdbss!RxCommonCreate");
  // The KTSS that the processor's KPCR names has what the processor had.
  const std::uint32_t tss = crash.world->tss(0);
  EXPECT_EQ(crash.world->machine().get<std::uint32_t>(tss + 0x20), thread.frames[2].ip);
  EXPECT_EQ(crash.world->machine().get<std::uint32_t>(tss + 0x38), thread.frames[2].child_sp);
  expect_on_own_stacks(thread);
}

TEST_P(X86Worlds, BuildingAWorldTwiceGivesTheSameDump) {
  const X86Crash one = build_x86_processors(modules(), GetParam().layout);
  const X86Crash other = build_x86_processors(modules(), GetParam().layout);
  EXPECT_TRUE(write_crash_dump(*one.world, one) == write_crash_dump(*other.world, other));
}

INSTANTIATE_TEST_SUITE_P(Builds, X86Worlds,
                         testing::Values(Kind{"19041-omit", windows_10_19041_x86},
                                         Kind{"19041-keep", windows_10_19041_x86},
                                         Kind{"7601-keep", windows_7_7601_x86}));

}  // namespace
}  // namespace ntstack::world
