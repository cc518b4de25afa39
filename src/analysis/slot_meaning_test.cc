// What slots of a stack mean, on an x64 machine of one thread that is laid out here by hand; truth
// is ours. tests/console takes the return addresses of emulated stacks.
#include "analysis/slot_meaning.h"

#include <gtest/gtest.h>

#include <cstring>

#include "analysis/trap_fields.h"
#include "base/text.h"
#include "image_builder.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint64_t kNt = 0xfffff80000000000, kPcr = 0xfffff80000100000, kPrcb = kPcr + 0x180,
                        kProcessors = 0xfffff80000300000, kThread = 0xffffd00000001000,
                        kStack = 0xffffd00000106000, kPool = 0xffffd00000400000;
constexpr std::uint64_t kSlot = kStack - 0x800;

// Calls that end at 1015h (direct, to 1100h), 1026h (through 2008h) and 1032h (a register).
std::vector<std::byte> nt_image() {
  tests::ByteWriter code, data;
  code.pad_to(0x400);
  code.put(0x10, std::uint8_t{0xe8}).put(0x11, std::uint32_t{0x1100 - 0x1015});
  code.put(0x20, std::uint16_t{0x15ff}).put(0x22, std::uint32_t{0x2008 - 0x1026});
  code.put(0x30, std::uint16_t{0xd0ff});
  data.pad_to(0x100);
  data.put(8, kNt + 0x1200);
  for (std::size_t i = 0; i < 5; ++i) data.put(0x40 + i, "hello"[i]);
  tests::ImageBuilder image;
  image.image_base = kNt;
  image.size_of_image = 0x3000;
  image.section(".text", 0x1000, code).section(".data", 0x2000, data);
  image.sections.back().characteristics = 0xc0000040;  // data, readable, writable
  return image.loaded();
}

class Bytes {
 public:
  Bytes(std::uint64_t address, std::size_t size) : address_(address), bytes_(size) {}
  template <class T>
  Bytes& put(std::uint64_t address, T value) {
    std::memcpy(&bytes_.at(address - address_), &value, sizeof value);
    return *this;
  }
  base::SegmentSource::Segment segment() const {
    return {address_, base::Bytes(std::span(bytes_))};
  }

 private:
  std::uint64_t address_;
  std::vector<std::byte> bytes_;
};

class SlotMeaningTest : public testing::Test {
 protected:
  // `has_code`: nt's code is in the dump.
  void open(bool has_code = true) {
    if (!has_code) image_.assign(image_.size(), std::byte{});
    processors_.put(kProcessors, kPrcb);
    pcr_.put(kPcr + 0x18, kPcr).put(kPrcb + 8, kThread);
    thread_.put(kThread, std::uint8_t{6}).put(kThread + 0x28, kStack - 0x30);
    thread_.put(kThread + 0x30, kStack - 0x6000).put(kThread + 0x38, kStack);
    thread_.put(kThread + 0x58, kStack - 0x400).put(kThread + 0x184, std::uint8_t{2});
    dump_.kind = dump::Kind::full;
    dump_.architecture = base::Architecture::x64;
    dump_.build = 19041;
    dump_.processor_count = 1;
    kdbg_.put(0x10, std::uint32_t{0x4742444b}).put(0x14, std::uint32_t{0x380}).put(0x18, kNt);
    kdbg_.put(0x218, kProcessors);
    dump_.kdbg = kdbg_.segment().bytes;
    dump_.modules.push_back({"ntoskrnl.exe", kNt, image_.size(), 0x5f5e100, 0, {}, 0, "", false});
    std::vector<base::SegmentSource::Segment> segments{pcr_.segment(), processors_.segment(),
                                                       thread_.segment(), stack_.segment(),
                                                       pool_.segment()};
    if (has_code) segments.push_back({kNt, base::Bytes(std::span(image_))});
    dump_.memory = std::make_unique<base::SegmentSource>(std::move(segments));
    kernel_.emplace(dump_);
    machine_.emplace(*kernel_);
    symbols::ModuleKey nt;
    nt.name = "ntoskrnl.exe";
    nt.base = kNt;
    nt.size = image_.size();
    nt.timestamp = 0x5f5e100;
    symbolizer_.emplace(std::vector{nt}, symbols::Places{{}, {}, &machine_->memory()});
    reader_.emplace(*machine_, *symbolizer_);
  }
  SlotMeaning of(std::uint64_t value) { return reader_->of(kSlot, value); }

  std::vector<std::byte> image_ = nt_image();
  Bytes pcr_{kPcr, 0xb080}, processors_{kProcessors, 8}, thread_{kThread, 0x898},
      stack_{kStack - 0x6000, 0x6000}, pool_{kPool, 0x1000}, kdbg_{0, 0x380};
  dump::Dump dump_;
  std::optional<target::Kernel> kernel_;
  std::optional<target::Machine> machine_;
  std::optional<symbols::Symbolizer> symbolizer_;
  std::optional<SlotReader> reader_;
};

TEST_F(SlotMeaningTest, AReturnAddressSaysWhereItsCallLeads) {
  open();
  const SlotMeaning direct = of(kNt + 0x1015);
  EXPECT_EQ(direct.kind, SlotKind::return_address);
  EXPECT_EQ(direct.call_target, kNt + 0x1100);
  EXPECT_EQ(direct.reason, "return address of a call to nt+0x1100");
  const SlotMeaning through = of(kNt + 0x1026);
  EXPECT_EQ(through.called_through, kNt + 0x2008);
  EXPECT_EQ(through.call_target, kNt + 0x1200);
  EXPECT_EQ(through.reason, "return address of a call to nt+0x1200 through fffff800`00002008");
  EXPECT_EQ(of(kNt + 0x1032).reason, "return address of an indirect call");
}

TEST_F(SlotMeaningTest, CodeThatNoCallPrecedesIsNoReturnAddress) {
  open();
  EXPECT_EQ(of(kNt + 0x1200).kind, SlotKind::code);
  EXPECT_EQ(of(kNt + 0x2050).kind, SlotKind::module_data);
}

TEST_F(SlotMeaningTest, WithoutTheCodeItIsLeftOpen) {
  open(false);
  EXPECT_EQ(of(kNt + 0x1015).kind, SlotKind::maybe_return);
}

TEST_F(SlotMeaningTest, AFramePointerLeadsToAnotherBesideAReturnAddress) {
  stack_.put(kSlot + 8, kNt + 0x1015).put(kSlot + 0x40, kSlot + 0x80);
  stack_.put(kSlot + 0x48, kNt + 0x1026);
  open();
  EXPECT_EQ(of(kSlot + 0x40).kind, SlotKind::frame_pointer);
  EXPECT_EQ(of(kSlot + 0x40).reason, "frame pointer, to the next 0x40 bytes up");
  EXPECT_EQ(of(kSlot + 0x48).kind, SlotKind::own_stack);  // nothing of a chain is there
  EXPECT_EQ(of(kSlot - 0x40).kind, SlotKind::own_stack);  // leads down
}

TEST_F(SlotMeaningTest, ATrapFramesFieldsAreNamed) {
  constexpr std::uint64_t frame = kSlot - 0x100;
  // {Rip, Cs, EFlags, Rsp, Ss} of an interrupt from the kernel.
  stack_.put(frame + 0x168, kNt + 0x1200).put(frame + 0x170, std::uint64_t{0x10});
  stack_.put(frame + 0x178, std::uint64_t{0x246}).put(frame + 0x180, frame + 0x190);
  stack_.put(frame + 0x188, std::uint64_t{0x18});
  open();
  const std::string at = "trap frame " + base::address_text(frame, true);
  EXPECT_EQ(reader_->of(frame + 0x168, kNt + 0x1200).reason, at + ": Rip");
  EXPECT_EQ(reader_->of(frame + 0x170, 0x10).reason, at + ": SegCs");
  EXPECT_EQ(reader_->of(frame + 0x30, 0).reason, at + ": Rax");  // backwards as well
  EXPECT_EQ(reader_->of(frame + 0x190, 0).kind, SlotKind::none);
}

TEST_F(SlotMeaningTest, WhatTheMachineKnowsIsNamed) {
  open();
  EXPECT_EQ(of(kThread).reason, "thread ffffd000`00001000");
  EXPECT_EQ(of(kThread).kind, SlotKind::thread);
  EXPECT_EQ(reader_->of(kPool, kStack - 0x100).reason,
            "into the thread stack of thread ffffd000`00001000");
}

TEST_F(SlotMeaningTest, PoolBlocksHaveTheirTag) {
  pool_.put(kPool + 0x100, std::uint32_t{0x02150000}).put(kPool + 0x104, std::uint32_t{0x20707249});
  open();
  EXPECT_EQ(of(kPool + 0x110).kind, SlotKind::pool_block);
  EXPECT_EQ(of(kPool + 0x110).reason, "pool block of 150 bytes, tag 'Irp '");
  EXPECT_EQ(of(kPool + 0x118).kind, SlotKind::none);
}

TEST_F(SlotMeaningTest, TextIsShown) {
  for (std::size_t i = 0; i < 5; ++i) {
    pool_.put(kPool + 0x200 + i, "hello"[i]);
    pool_.put(kPool + 0x300 + 2 * i, "world"[i]);
  }
  open();
  EXPECT_EQ(of(kPool + 0x200).reason, "points to \"hello\"");
  EXPECT_EQ(of(kPool + 0x300).reason, "points to L\"world\"");
  EXPECT_EQ(of(kNt + 0x2040).reason, "points to \"hello\"");
  EXPECT_EQ(of(0x6f6c6c6548212121).reason, "text \"!!!Hello\"");
}

TEST_F(SlotMeaningTest, SmallNumbersAreNoAddresses) {
  open();
  EXPECT_EQ(of(0x80).kind, SlotKind::small_number);
  EXPECT_EQ(of(0).kind, SlotKind::none);
  EXPECT_EQ(of(UINT64_MAX).kind, SlotKind::none);
}

TEST(TrapFields, DependOnTheBuildOnX86) {
  using base::Architecture;
  // formats of public PDBs: Eax at 44h up to 8.0, at 40h since 8.1.
  EXPECT_EQ(trap_field_at(Architecture::x86, 3790, 0x44), "Eax");
  EXPECT_EQ(trap_field_at(Architecture::x86, 19041, 0x40), "Eax");
  EXPECT_EQ(trap_field_at(Architecture::x86, 3790, 0x68), "Eip");
  EXPECT_EQ(trap_field_at(Architecture::x86, 19041, 0x68), "Eip");
  EXPECT_EQ(trap_field_at(Architecture::x64, 19041, 0x188), "SegSs");
  EXPECT_EQ(trap_field_at(Architecture::arm64, 22631, 0x130), "X18");
  EXPECT_EQ(trap_field_at(Architecture::arm64, 22631, 0x148), "Pc");
}

}  // namespace
}  // namespace ntstack::analysis
