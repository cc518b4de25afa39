// The machine as the real triage dumps have it. Truth: the facts measured on these dumps by other
// means (their processors, stacks and thread objects), and the public offset tables.
#include "target/machine.h"

#include <gtest/gtest.h>

#include "test_files.h"

namespace ntstack::target {
namespace {

TEST(Machine, KernelGeneratedTriageDumpHasEveryProcessorAndItsContext) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_19041.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  const Machine machine(kernel);
  ASSERT_EQ(machine.processors().size(), 16u);
  for (const Processor& processor : machine.processors()) {
    EXPECT_EQ(processor.context.size(), 0x4d0u) << processor.number;
    EXPECT_NE(processor.current_thread, 0u) << processor.number;
  }
  EXPECT_TRUE(machine.processors()[0].crashed);
  EXPECT_EQ(machine.processors()[0].prcb, 0xfffff804782d4180u);
  const Thread* thread = machine.thread_at(0xffffc08bde9e1640);
  ASSERT_TRUE(thread);
  ASSERT_FALSE(thread->segments.empty());
  EXPECT_EQ(thread->segments[0].limit, 0xffff85042988d000u);
  EXPECT_EQ(thread->segments[0].base, 0xffff850429893000u);
  ASSERT_TRUE(machine.process_of(*thread));
  EXPECT_EQ(machine.process_of(*thread)->name, "System");
  EXPECT_EQ(machine.process_of(*thread)->id, 4u);
}

TEST(Machine, TriageDumpOfAMemoryDumpHasItsCurrentThread) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_17763.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  const Machine machine(kernel);
  ASSERT_EQ(machine.processors().size(), 1u);
  EXPECT_EQ(machine.processors()[0].number, 6u);
  EXPECT_EQ(machine.processors()[0].current_thread, 0xffff8903517e7240u);
  const Thread* thread = machine.thread_at(0xffff8903517e7240);
  ASSERT_TRUE(thread);
  EXPECT_TRUE(thread->object_present);
  ASSERT_FALSE(thread->segments.empty());
  EXPECT_EQ(thread->segments[0].base, 0xffff998071d50000u);
  EXPECT_EQ(thread->process, 0xffff89034cedb080u);
}

TEST(Machine, UserMinidumpsListTheirThreads) {
  NTSTACK_NEED_DATA(path, "electron/windows.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  const Machine machine(kernel);
  EXPECT_EQ(machine.threads().size(), 14u);
  for (const Thread& thread : machine.threads()) EXPECT_EQ(thread.segments.size(), 1u);
}

TEST(Offsets, TablesByBuildServeWhereKdbgDoesNot) {
  using base::Architecture;
  const Offsets windows7 = Offsets::of(Architecture::x64, 7601, nullptr);
  EXPECT_EQ(windows7[Field::kthread_stack_base], 0x278);
  EXPECT_EQ(windows7[Field::kthread_apc_process], 0x70);
  EXPECT_EQ(windows7.source(Field::kthread_stack_base), OffsetSource::table);
  EXPECT_FALSE(windows7[Field::kprcb_isr_stack]);
  const Offsets future = Offsets::of(Architecture::x64, 30000, nullptr);
  EXPECT_EQ(future.source(Field::kthread_stack_base), OffsetSource::nearest_table);
  const Offsets xp = Offsets::of(Architecture::x86, 2600, nullptr);
  EXPECT_EQ(xp[Field::kthread_stack_base], 0x168);
  EXPECT_FALSE(Offsets::of(Architecture::arm64, 22000, nullptr)[Field::kthread_stack_base]);
}

TEST(Kdbg, SaysOnlyWhatItIsLongEnoughFor) {
  std::vector<std::uint8_t> bytes(0x380, 0);
  const auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
  put(0x10, 0x4742444b);
  put(0x14, 0x290);
  put(0x29c, 0x58);
  auto kdbg = Kdbg::parse(base::Bytes::of(bytes));
  ASSERT_TRUE(kdbg);
  EXPECT_FALSE(kdbg->u16(kdbg_at::kernel_stack));
  put(0x14, 0x380);
  kdbg = Kdbg::parse(base::Bytes::of(bytes));
  EXPECT_EQ(kdbg->u16(kdbg_at::kernel_stack), 0x58u);
  put(0x10, 0);
  EXPECT_FALSE(Kdbg::parse(base::Bytes::of(bytes)));
  EXPECT_FALSE(Kdbg::parse(base::Bytes()));
}

}  // namespace
}  // namespace ntstack::target
