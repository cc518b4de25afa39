#include "capture/live_process.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "capture/fake_system.h"

namespace ntstack::capture {
namespace {

constexpr std::uint64_t kStack = 0x200000;  // of the first thread; each has 64 KB
constexpr std::uint64_t kTeb = 0x7ff000000000;

template <class T>
void put(std::vector<std::byte>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

class LiveProcessTest : public testing::Test {
 protected:
  LiveProcessTest() {
    system.facts.architecture = base::Architecture::x64;
    system.facts.build = 19045;
    system.facts.processors = 4;
    ProcessFacts process;
    process.id = 100;
    process.name = "victim.exe";
    process.create_time = 0x1d8000000000000;
    system.list.push_back(process);
    dump::ModuleRecord module;
    module.path = "C:\\victim.exe";
    module.base = 0x400000;
    module.size = 0x10000;
    system.module_list.push_back(module);
    for (std::uint32_t i = 0; i < 3; ++i) add_thread(i);
  }

  void add_thread(std::uint32_t i) {
    ThreadFacts thread;
    thread.id = 200 + 4 * i;
    thread.process_id = 100;
    thread.create_time = 0x1d8000000000001 + i;
    thread.teb = kTeb + 0x2000 * i;
    system.list[0].threads.push_back(thread);
    const std::uint64_t base = kStack + 0x20000 * i + 0x10000;
    FakeSystem::FakeThread& fake = system.threads[thread.id];
    fake.name = "worker " + std::to_string(i);
    fake.context.resize(0x4d0);
    put(fake.context, 0x30, std::uint32_t{0x10000b});
    put(fake.context, 0x98, base - 0x400);             // Rsp
    put(fake.context, 0xf8, std::uint64_t{0x401000});  // Rip
    auto& teb = system.memory[thread.teb].bytes;
    teb.resize(0x1000);
    put(teb, 0x08, base);
    put(teb, 0x10, base - 0x10000);
    auto& stack = system.memory[base - 0x10000].bytes;
    stack.resize(0x10000);
    put(stack, 0x10000 - 0x400, std::uint64_t{0x1111111100000000} + i);
  }

  base::Result<LiveProcess> take() { return LiveProcess::take(system, system.list[0], nullptr); }
  void expect_balanced() const {
    for (const auto& [id, thread] : system.threads) {
      EXPECT_EQ(thread.suspended, 0) << id;
      EXPECT_LE(thread.most_suspended, 1) << id;
    }
  }

  FakeSystem system;
};

TEST_F(LiveProcessTest, EveryThreadHasItsRegistersItsNameAndItsStack) {
  const auto live = take();
  ASSERT_TRUE(live) << live.error().text();
  const dump::Dump dump = live->dump();
  EXPECT_EQ(dump.kind, dump::Kind::minidump);
  EXPECT_EQ(dump.process_id, 100u);
  EXPECT_EQ(dump.build, 19045u);
  ASSERT_EQ(dump.threads.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    const dump::ThreadRecord& thread = dump.threads[i];
    EXPECT_EQ(thread.id, 200 + 4 * i);
    EXPECT_EQ(thread.name, "worker " + std::to_string(i));
    EXPECT_EQ(thread.context.size(), 0x4d0u);
    EXPECT_EQ(thread.stack_size, 0x400u);
    EXPECT_EQ(dump.memory->get<std::uint64_t>(thread.stack_address), 0x1111111100000000u + i);
  }
  EXPECT_TRUE(dump.warnings.empty());
  expect_balanced();
}

TEST_F(LiveProcessTest, StacksAreThoseOfTheMomentAndTheRestIsReadOnce) {
  const auto live = take();
  ASSERT_TRUE(live);
  const dump::Dump dump = live->dump();
  const std::uint64_t sp = dump.threads[0].stack_address;
  ASSERT_TRUE(dump.memory->get<std::uint64_t>(kTeb + 8));
  system.memory[kStack].bytes.assign(0x10000, std::byte{0xcc});
  system.memory[kTeb].bytes.assign(0x1000, std::byte{0xcc});
  EXPECT_EQ(dump.memory->get<std::uint64_t>(sp), 0x1111111100000000u);
  EXPECT_EQ(dump.memory->get<std::uint64_t>(kTeb + 8), kStack + 0x10000);
}

TEST_F(LiveProcessTest, CountsAreBalancedWhateverFails) {
  system.threads[200].get_context = 0xc0000001;
  system.threads[204].suspend = 0xc0000022;
  const auto live = take();
  ASSERT_TRUE(live);
  const auto warnings = live->dump().warnings;
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0], "thread 200 could not be read: the system said 0xc0000001");
  EXPECT_EQ(warnings[1], "thread 204 could not be read: access was denied");
  EXPECT_EQ(live->dump().threads.size(), 3u) << "they are listed, without registers";
  expect_balanced();
}

TEST_F(LiveProcessTest, AThreadThatCanNotBeResumedIsNamed) {
  system.threads[204].resume = 0xc0000001;
  const auto live = take();
  ASSERT_TRUE(live);
  ASSERT_EQ(live->dump().warnings.size(), 1u);
  EXPECT_NE(live->dump().warnings[0].find("thread 204 was suspended and could not be resumed"),
            std::string::npos);
}

TEST_F(LiveProcessTest, ThreadsThatEndedOrWhoseIdHasANewUserAreLeftAlone) {
  system.threads.erase(200);
  system.threads[204].create_time = 1;
  const auto live = take();
  ASSERT_TRUE(live);
  EXPECT_EQ(system.threads[204].times, 0);
  EXPECT_EQ(live->dump().threads.size(), 1u);
  EXPECT_EQ(live->dump().warnings[0], "thread 200 could not be read: it has ended");
  EXPECT_EQ(live->dump().warnings[1], "thread 204 could not be read: it has ended");
}

TEST_F(LiveProcessTest, AnInterruptLeavesNothingSuspended) {
  const std::atomic<bool> stop = true;
  const auto live = LiveProcess::take(system, system.list[0], &stop);
  ASSERT_FALSE(live);
  EXPECT_EQ(live.error().text(), "interrupted; every thread was resumed");
  expect_balanced();
  EXPECT_TRUE(system.open_handles.empty());
}

TEST_F(LiveProcessTest, HandlesAreClosedAndThePrivilegeIsAsItWas) {
  system.needs_privilege = true;
  {
    const auto live = take();
    ASSERT_TRUE(live) << live.error().text();
    EXPECT_FALSE(system.privilege_is_on);
    EXPECT_EQ(system.open_handles.size(), 1u) << "the process's, to read memory by";
  }
  EXPECT_TRUE(system.open_handles.empty());
  system.privilege_is_on = true;
  ASSERT_TRUE(take());
  EXPECT_TRUE(system.privilege_is_on);
}

TEST_F(LiveProcessTest, WithoutTheRightsTheErrorSaysWhatWouldHelp) {
  system.needs_privilege = true;
  system.holds_privilege = system.is_elevated = false;
  const auto live = take();
  ASSERT_FALSE(live);
  EXPECT_EQ(live.error().text(),
            "victim.exe (process 100) can't be opened: access was denied; an elevated prompt may "
            "be allowed to");
}

TEST_F(LiveProcessTest, ItsOwnProcessIsRefused) {
  system.own_id = 100;
  ASSERT_FALSE(take());
  for (const auto& [id, thread] : system.threads) EXPECT_EQ(thread.times, 0);
}

TEST_F(LiveProcessTest, WithoutATebTheStackEndsWhereItsMemoryDoes) {
  system.list[0].threads[0].teb = 0;
  const auto live = take();
  ASSERT_TRUE(live);
  EXPECT_EQ(live->dump().threads[0].stack_size, 0x400u);
}

TEST_F(LiveProcessTest, ATebThatLiesGivesNoMoreThanThereIs) {
  put(system.memory[kTeb].bytes, 0x08, std::uint64_t{UINT64_MAX - 7});
  put(system.memory[kTeb].bytes, 0x10, std::uint64_t{0x1000});
  put(system.threads[204].context, 0x98, std::uint64_t{0xdead0000});  // where nothing is
  const auto live = take();
  ASSERT_TRUE(live);
  EXPECT_EQ(live->dump().threads[0].stack_size, 0x400u) << "by the region";
  EXPECT_EQ(live->dump().threads[1].stack_size, 0u);
}

TEST_F(LiveProcessTest, GuardPagesAreNotTouched) {
  system.memory[0x500000] = {std::vector<std::byte>(0x1000), false};
  const auto live = take();
  ASSERT_TRUE(live);
  const dump::Dump dump = live->dump();
  EXPECT_FALSE(dump.memory->get<std::uint32_t>(0x500000));
  EXPECT_EQ(dump.memory->hole_end(0x500000), 0x501000u);
  EXPECT_EQ(system.guard_reads, 0u);
}

TEST_F(LiveProcessTest, StacksBeyondTheBoundAreSaidToBeCut) {
  constexpr std::uint64_t kLarge = 0x10000000;
  system.memory[kLarge].bytes.resize(0x300000);
  put(system.memory[kTeb].bytes, 0x08, kLarge + 0x300000);
  put(system.memory[kTeb].bytes, 0x10, kLarge);
  put(system.threads[200].context, 0x98, kLarge + 0x100);
  const auto live = take();
  ASSERT_TRUE(live);
  EXPECT_EQ(live->dump().threads[0].stack_size, 0x100000u);
  ASSERT_EQ(live->dump().warnings.size(), 1u);
  EXPECT_NE(live->dump().warnings[0].find("of 1 stack only the youngest part"), std::string::npos);
}

TEST_F(LiveProcessTest, CodeOfAnotherArchitectureIsSaidToBeEmulated) {
  auto& image = system.memory[0x400000].bytes;
  image.resize(0x10000);
  put(image, 0, std::uint16_t{0x5a4d});
  put(image, 0x3c, std::uint32_t{0x80});
  put(image, 0x80, std::uint32_t{0x4550});
  put(image, 0x84, std::uint16_t{0x8664});
  put(image, 0x94, std::uint16_t{0xf0});  // the optional header's size
  put(image, 0x98, std::uint16_t{0x20b});
  ASSERT_TRUE(take());
  EXPECT_TRUE(take()->dump().warnings.empty());
  system.facts.architecture = base::Architecture::arm64;
  const auto live = take();
  ASSERT_TRUE(live);
  ASSERT_FALSE(live->dump().warnings.empty());
  EXPECT_NE(live->dump().warnings.back().find("the program is x64 code that this ARM64 system"),
            std::string::npos);
}

TEST_F(LiveProcessTest, MemoryUpToTheLastAddressIsReadWithoutWrapping) {
  system.memory[UINT64_MAX - 0xfff].bytes.resize(0xfff);
  const auto live = take();
  ASSERT_TRUE(live);
  std::vector<std::byte> out(0x2000);
  EXPECT_EQ(live->dump().memory->read(UINT64_MAX - 0xfff, out), 0xfffu);
  EXPECT_EQ(live->dump().memory->read(UINT64_MAX, out), 0u);
}

}  // namespace
}  // namespace ntstack::capture
