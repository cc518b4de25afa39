// Probing on kernels whose objects are laid out by chance (fake_kernel.h: the truth is ours), and
// on a real dump's, whose KDBG says where its fields are.
#include "target/offsets/probe.h"

#include <gtest/gtest.h>

#include "fake_kernel.h"
#include "target/machine.h"
#include "target/offsets/probe_process.h"
#include "target/offsets/probe_processor.h"
#include "target/offsets/probe_thread.h"
#include "test_files.h"

namespace ntstack::target {
namespace {

using base::Architecture;
using enum Field;

class RandomLayouts : public testing::TestWithParam<Architecture> {};

TEST_P(RandomLayouts, ProbingFindsWhatThereIsAndNothingElse) {
  std::size_t lacking = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    const FakeKernel kernel(GetParam(), seed);
    Offsets offsets;
    const auto said = probe_offsets(kernel.start(), offsets);
    ASSERT_EQ(said.size(), 1u);
    EXPECT_NE(said[0].find("are probed"), std::string::npos) << said[0];
    for (const auto& [field, right] : kernel.layout()) {
      const auto found = offsets[field];
      if (!found) {
        lacking += field != kthread_apc_state;
        continue;
      }
      EXPECT_EQ(*found, right) << "seed " << seed << " field " << static_cast<int>(field);
      EXPECT_EQ(offsets.source(field), OffsetSource::probed);
    }
    for (const Field field :
         {kthread_initial_stack, kthread_stack_limit, kthread_stack_base, kthread_kernel_stack,
          kthread_apc_process, ethread_cid, eprocess_unique_process_id,
          eprocess_active_process_links, eprocess_image_file_name, kprcb_current_thread})
      EXPECT_TRUE(offsets[field]) << "seed " << seed << " field " << static_cast<int>(field);
  }
  EXPECT_LT(lacking, 12u);  // of more than a thousand
}

// Half of the pages are gone: less is found, and nothing that is not so.
TEST_P(RandomLayouts, HolesInMemoryMakeNothingUp) {
  for (unsigned seed = 100; seed < 140; ++seed) {
    FakeKernel kernel(GetParam(), seed);
    for (std::uint64_t at = kernel.processes().front(); at < kernel.threads().back(); at += 0x1000)
      if (kernel.chance(4) == 0) kernel.memory().drop(at);
    Offsets offsets;
    probe_offsets(kernel.start(), offsets);
    for (const auto& [field, right] : kernel.layout())
      EXPECT_EQ(offsets[field].value_or(right), right)
          << "seed " << seed << " field " << static_cast<int>(field);
  }
}

INSTANTIATE_TEST_SUITE_P(Probe, RandomLayouts,
                         testing::Values(Architecture::x64, Architecture::x86,
                                         Architecture::arm64));

// Bytes that are the same everywhere have the type and the ID of anything.
class Same : public base::ByteSource {
 public:
  explicit Same(std::byte value) : value_(value) {}
  std::size_t read(std::uint64_t, std::span<std::byte> out) const override {
    std::ranges::fill(out, value_);
    return out.size();
  }

 private:
  std::byte value_;
};

TEST(Probe, MemoryOfEqualBytesTellsNothing) {
  for (const Architecture architecture :
       {Architecture::x64, Architecture::x86, Architecture::arm64})
    for (unsigned value = 0; value < 256; ++value) {
      const Same memory{static_cast<std::byte>(value)};
      const std::uint64_t at = base::is_64_bit(architecture) ? 0xffff800000001000 : 0x80001000;
      Offsets offsets;
      probe_offsets({memory, architecture, at, {at, at + 0x1000, at + 0x2000}, {{at, at + 0x1000}}},
                    offsets);
      for (int i = 0; i < static_cast<int>(Field::count); ++i)
        EXPECT_FALSE(offsets[static_cast<Field>(i)]) << value << " " << i;
    }
}

TEST(Probe, AKernelWithoutAListOfProcessesHasItsProcessorsAlone) {
  const FakeKernel kernel(Architecture::x64, 7);
  const ProbeStart whole = kernel.start();
  Offsets offsets;
  probe_offsets({whole.memory, whole.architecture, 0, whole.prcbs, whole.images}, offsets);
  EXPECT_EQ(offsets[kprcb_current_thread], 8);
  EXPECT_FALSE(offsets[eprocess_active_process_links]);
  EXPECT_FALSE(offsets[kthread_stack_base]);
}

// A list that leads round in a circle ends.
TEST(Probe, CyclicListsEnd) {
  FakeKernel kernel(Architecture::x64, 8);
  const std::uint64_t links = kernel.at(eprocess_active_process_links);
  const std::uint64_t fourth = kernel.processes()[3] + links;
  kernel.put(fourth, kernel.processes()[1] + links);
  Offsets offsets;
  probe_offsets(kernel.start(), offsets);
  EXPECT_EQ(offsets[eprocess_active_process_links].value_or(links), links);
}

// A table of a build whose structures are others' (ReactOS calls itself 3790).
TEST(Probe, WhatTheObjectsContradictIsReplacedAndSaid) {
  const FakeKernel kernel(Architecture::x86, 9);
  Offsets offsets = Offsets::of(Architecture::x86, 3790, nullptr);
  ASSERT_EQ(offsets.source(kthread_stack_base), OffsetSource::table);
  const auto wrong = probe_offsets(kernel.start(), offsets);
  ASSERT_EQ(wrong.size(), 2u);
  EXPECT_NE(wrong[1].find("do not fit"), std::string::npos) << wrong[1];
  for (const Field field : {kthread_initial_stack, kthread_stack_limit, kthread_stack_base,
                            kthread_kernel_stack, eprocess_active_process_links}) {
    EXPECT_EQ(offsets[field], kernel.at(field)) << static_cast<int>(field);
    EXPECT_EQ(offsets.source(field), OffsetSource::probed);
  }
}

// A block that is not this kernel's: a stack where no thread has one.
TEST(Probe, KdbgsOffsetsThatFitNoThreadAreReplacedAndSaid) {
  const FakeKernel kernel(Architecture::x64, 11);
  std::vector<std::uint8_t> bytes(0x380, 0);
  const auto put = [&](std::size_t at, std::uint32_t value) { std::memcpy(&bytes[at], &value, 4); };
  put(0x10, 0x4742444b);
  put(0x14, 0x380);
  put(kdbg_at::kernel_stack, 0x7f8 | 0x7f0 << 16);  // and InitialStack
  put(kdbg_at::stack_limit, 0x7e8);
  put(kdbg_at::stack_base, 0x7e0);
  put(kdbg_at::prcb_current_thread, 8);
  const auto kdbg = Kdbg::parse(base::Bytes::of(bytes));
  ASSERT_TRUE(kdbg);
  Offsets offsets = Offsets::of(Architecture::x64, 99999, &*kdbg);
  ASSERT_EQ(offsets.source(kthread_stack_base), OffsetSource::kdbg);
  const auto wrong = probe_offsets(kernel.start(), offsets);
  ASSERT_EQ(wrong.size(), 2u);
  EXPECT_NE(wrong[1].find("4 offsets of the KDBG block do not fit"), std::string::npos) << wrong[1];
  for (const Field field :
       {kthread_initial_stack, kthread_stack_limit, kthread_stack_base, kthread_kernel_stack})
    EXPECT_EQ(offsets[field], kernel.at(field)) << static_cast<int>(field);
  EXPECT_EQ(offsets.source(kprcb_current_thread), OffsetSource::kdbg);
}

// Where the nearest build's table is wrong in one field, its other fields are not to be believed.
TEST(Probe, WhatOnlyAWrongTableTellsIsDropped) {
  const FakeKernel kernel(Architecture::x64, 10);
  Offsets offsets = Offsets::of(Architecture::x64, 4242, nullptr);
  ASSERT_EQ(offsets.source(kthread_wait_reason), OffsetSource::nearest_table);
  probe_offsets(kernel.start(), offsets);
  EXPECT_FALSE(offsets[kthread_wait_reason]);
  EXPECT_EQ(offsets[kthread_stack_base], kernel.at(kthread_stack_base));
}

TEST(Probe, NothingIsProbedWhereAllIsKnownAndFits) {
  const FakeKernel kernel(Architecture::x64, 10);
  Offsets probed;
  probe_offsets(kernel.start(), probed);
  Offsets again = probed;
  EXPECT_TRUE(probe_offsets(kernel.start(), again).empty());
  for (const auto& [field, right] : kernel.layout()) EXPECT_EQ(again[field], probed[field]);
}

// The dump's KDBG is the truth: it comes from the kernel itself.
TEST(Probe, OnARealKernelWhatIsFoundIsWhatItsKdbgSays) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_19041.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  const Machine machine(kernel);
  ProbeStart start{machine.memory(), Architecture::x64, kernel.active_process_head(), {}, {}};
  for (const Processor& processor : machine.processors()) start.prcbs.push_back(processor.prcb);
  for (const auto& module : kernel.modules())
    start.images.push_back({module.base, module.base + module.size});
  Offsets offsets;
  probe_offsets(start, offsets);
  std::size_t found = 0;
  for (int i = 0; i < static_cast<int>(Field::count); ++i) {
    const auto field = static_cast<Field>(i);
    if (!offsets[field] || !machine.offsets()[field]) continue;
    EXPECT_EQ(offsets[field], machine.offsets()[field]) << i;
    ++found;
  }
  EXPECT_GE(found, 1u);
}

}  // namespace
}  // namespace ntstack::target
