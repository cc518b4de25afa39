// A kernel stack laid out by hand in physical memory, and its thread: the flag and the page tables
// tell what its size does not.
#include "analysis/stack_room.h"

#include <gtest/gtest.h>

#include "target/facts.h"
#include "target/kernel/kernel_builder.h"

namespace ntstack::analysis {
namespace {

using target::StackKind;
using target::building::KernelBuilder;

constexpr std::uint64_t kNt = 0xfffff802'3a200000, kThread = 0xfffffa80'01000000,
                        kLimit = 0xfffff880'02001000, kBase = kLimit + 0x8000;

struct World {
  explicit World(std::uint32_t build) {
    builder.put_image(kNt, "ntoskrnl.exe");
    for (std::uint64_t page = kLimit; page < kBase; page += 0x1000) builder.page(page);
    builder.page(kThread);
    number = build;
  }
  void open() {
    dump = builder.dump();
    dump.build = number;
    dump.directory_table_base = builder.root();
    kernel.emplace(dump);
    machine.emplace(*kernel);
    thread.address = kThread;
    thread.segments = {{StackKind::thread, kLimit, kBase}};
  }
  SegmentUse look(std::uint64_t limit = kLimit) {
    thread.segments.front().limit = limit;
    SegmentUse use;
    use.segment = thread.segments.front();
    use.size = kBase - limit;
    use.may_grow = 1;  // by its size
    look_at_room(*machine, &thread, use);
    return use;
  }

  KernelBuilder builder{memory::Paging::x64};
  std::uint32_t number = 0;
  dump::Dump dump;
  std::optional<target::Kernel> kernel;
  std::optional<target::Machine> machine;
  target::Thread thread;
};

TEST(StackRoom, NothingIsMappedAtAGuardPage) {
  World world(19041);
  world.open();
  EXPECT_EQ(world.look().guard, Guard::is_there);
  // The page below is of the stack itself.
  EXPECT_EQ(world.look(kLimit + 0x1000).guard, Guard::is_mapped);
}

TEST(StackRoom, APageBelowAStackThatIsMappedIsNoGuardPage) {
  World world(19041);
  world.builder.page(kLimit - 0x1000);
  world.open();
  EXPECT_EQ(world.look().guard, Guard::is_mapped);
}

TEST(StackRoom, OnlyTheThreadsStacksHaveGuardPagesToLookFor) {
  World world(19041);
  world.open();
  world.thread.segments.front().kind = StackKind::dpc;
  EXPECT_EQ(world.look().guard, Guard::not_known);
  world.thread.segments.front() = {StackKind::thread, kLimit, kBase, false};
  EXPECT_EQ(world.look().guard, Guard::not_known);  // its limit is a guess
}

TEST(StackRoom, WhetherAStackGrowsItsThreadTellsUpToWindows7) {
  constexpr std::uint64_t kLargeStack = 0x2d3;  // of _KTHREAD in Windows 7 x64
  World large(7601);
  large.builder.write(kThread + kLargeStack, std::uint8_t{1});
  large.open();
  ASSERT_EQ(large.kernel->build(), 7601u);
  EXPECT_EQ(large.look().grows, true);
  EXPECT_EQ(large.look().may_grow, 0x12000u - 0x8000u);
  World usual(7601);
  usual.open();
  EXPECT_EQ(usual.look().grows, false);
  EXPECT_EQ(usual.look().may_grow, std::nullopt);
  World later(19041);
  later.builder.write(kThread + kLargeStack, std::uint8_t{1});
  later.open();
  EXPECT_EQ(later.look().grows, std::nullopt);
  EXPECT_EQ(later.look().may_grow, 1u);  // by its size, as before
}

TEST(StackRoom, TheFlagOfAnExpandedThreadIsNotOfItsFirstStack) {
  World world(7601);
  world.open();
  world.thread.segments.push_back({StackKind::thread, kLimit + 0x100000, kBase + 0x100000});
  EXPECT_EQ(world.look().grows, std::nullopt);
}

}  // namespace
}  // namespace ntstack::analysis
