// x64: a walk from an interrupt's own stack - IST, ISR - down to the stack that it interrupted.
// The processor changes the stack pointer through a machine frame; which stacks there are, the KTSS
// and the KPRCB say. The images, objects and stacks are laid out here by hand, for no dump at hand
// has one that can be walked without a scan.
#include <gtest/gtest.h>

#include <cstring>

#include "image_builder.h"
#include "stacks/walker.h"

namespace ntstack::stacks {
namespace {

using target::StackKind;
using unwind::Trust;

constexpr std::uint64_t kNt = 0xfffff80000000000, kPcr = 0xfffff80000100000, kPrcb = kPcr + 0x180,
                        kTss = 0xfffff80000200000, kProcessors = 0xfffff80000300000,
                        kThread = 0xffffd00000001000, kThreadStack = 0xffffd00000106000,
                        kInterruptStack = 0xfffff80000406000, kContext = 0xffffd00000002000;
constexpr std::uint32_t kCallee = 0x1020, kHandler = 0x1110, kInterrupted = 0x1220, kFirst = 0x1310;
constexpr std::uint16_t kIsrStackAt = 0x85d8, kDpcStackAt = 0x3110, kContextAt = 0x85c0;

// nt, of four functions: {begin, end, UNWIND_INFO} each.
std::vector<std::byte> nt_image() {
  tests::ByteWriter code, unwind, table;
  code.pad_to(0x400);
  // Version 1, no prologue; the codes: sub rsp,28h; push machine frame with error code; sub
  // rsp,48h.
  unwind.u8({1, 0, 1, 0, 0, 0x42, 0, 0})
      .u8({1, 0, 1, 0, 0, 0x1a, 0, 0})
      .u8({1, 0, 1, 0, 0, 0x82, 0, 0});
  table.u32({0x1000, 0x1100, 0x2000, 0x1100, 0x1200, 0x2008, 0x1200, 0x1300, 0x2010, 0x1300, 0x1400,
             0x2000});
  tests::ImageBuilder image;
  image.image_base = kNt;
  image.size_of_image = 0x4000;
  image.section(".text", 0x1000, code).section(".xdata", 0x2000, unwind);
  image.section(".pdata", 0x3000, table).directory(3, 0x3000, 48);
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

// A machine whose only processor handles an interrupt on a stack of its own.
class Interrupted {
 public:
  explicit Interrupted(StackKind kind) {
    put_objects(kind);
    put_stacks();
    dump_.kind = dump::Kind::full;
    dump_.architecture = base::Architecture::x64;
    dump_.build = 19041;
    dump_.processor_count = 1;
    kdbg_.put(0x10, std::uint32_t{0x4742444b}).put(0x14, std::uint32_t{0x380}).put(0x18, kNt);
    kdbg_.put(0x218, kProcessors).put(0x338, kContextAt);
    kdbg_.put(0x354, kDpcStackAt).put(0x356, kIsrStackAt);
    dump_.kdbg = kdbg_.segment().bytes;
    dump_.modules.push_back({"ntoskrnl.exe", kNt, image_.size(), 0x5f5e100, 0, {}, 0, "", false});
    dump_.memory = std::make_unique<base::SegmentSource>(
        std::vector<base::SegmentSource::Segment>{{kNt, base::Bytes(std::span(image_))},
                                                  pcr_.segment(),
                                                  tss_.segment(),
                                                  processors_.segment(),
                                                  thread_.segment(),
                                                  thread_stack_.segment(),
                                                  interrupt_stack_.segment(),
                                                  context_.segment()});
    kernel_.emplace(dump_);
    machine_.emplace(*kernel_);
    symbols::ModuleKey nt;
    nt.name = "ntoskrnl.exe";
    nt.base = kNt;
    nt.size = image_.size();
    nt.timestamp = 0x5f5e100;
    symbolizer_.emplace(std::vector{nt}, symbols::Places{{}, {}, &machine_->memory()});
  }
  Stack walk() {
    Walker walker(*machine_, *symbolizer_);
    EXPECT_EQ(machine_->processors().size(), 1u);
    return walker.walk_processor(machine_->processors().at(0));
  }

 private:
  void put_objects(StackKind kind) {
    processors_.put(kProcessors, kPrcb);
    pcr_.put(kPcr + 8, kTss).put(kPcr + 0x18, kPcr);
    pcr_.put(kPrcb + 8, kThread).put(kPrcb + kContextAt, kContext);
    if (kind == StackKind::ist)
      tss_.put(kTss + 0x24 + 8 * 2, kInterruptStack);
    else
      pcr_.put(kPrcb + kIsrStackAt, kInterruptStack);
    thread_.put(kThread, std::uint8_t{6}).put(kThread + 0x28, kThreadStack - 0x30);
    thread_.put(kThread + 0x30, kThreadStack - 0x6000).put(kThread + 0x38, kThreadStack);
    thread_.put(kThread + 0x58, kThreadStack - 0x400).put(kThread + 0x184, std::uint8_t{2});
    context_.put(kContext + 0x30, std::uint32_t{0x10000f});
    context_.put(kContext + 0x98, kInterruptStack - 0x100).put(kContext + 0xf8, kNt + kCallee);
  }
  // The callee's frame, the handler's with the machine frame, the interrupted one's, the first.
  void put_stacks() {
    constexpr std::uint64_t handler = kInterruptStack - 0xd0, interrupted = kThreadStack - 0xb0;
    interrupt_stack_.put(handler - 8, kNt + kHandler);
    interrupt_stack_.put(handler + 8, kNt + kInterrupted).put(handler + 0x10, std::uint64_t{0x10});
    interrupt_stack_.put(handler + 0x20, interrupted).put(handler + 0x28, std::uint64_t{0x18});
    thread_stack_.put(interrupted + 0x48, kNt + kFirst);
    thread_stack_.put(interrupted + 0x50 + 0x28, std::uint64_t{0});
  }

  std::vector<std::byte> image_ = nt_image();
  Bytes pcr_{kPcr, 0xb080}, tss_{kTss, 0x68}, processors_{kProcessors, 8}, thread_{kThread, 0x898},
      thread_stack_{kThreadStack - 0x6000, 0x6000},
      interrupt_stack_{kInterruptStack - 0x6000, 0x6000}, context_{kContext, 0x4d0},
      kdbg_{0, 0x380};
  dump::Dump dump_;
  std::optional<target::Kernel> kernel_;
  std::optional<target::Machine> machine_;
  std::optional<symbols::Symbolizer> symbolizer_;
};

void expect_walk_across(StackKind kind) {
  Interrupted machine(kind);
  const Stack stack = machine.walk();
  constexpr std::uint32_t addresses[] = {kCallee, kHandler, kInterrupted, kFirst};
  ASSERT_EQ(stack.frames.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(stack.frames[i].ip, kNt + addresses[i]) << i;
    EXPECT_NE(stack.frames[i].trust, Trust::scan) << i;
  }
  EXPECT_EQ(stack.frames[1].trap_frame, kInterruptStack - 0xd0 + 8 - 0x168);
  EXPECT_EQ(stack.frames[2].child_sp, kThreadStack - 0xb0);
  EXPECT_EQ(stack.end, End::base);
  ASSERT_EQ(stack.segments.size(), 2u);
  EXPECT_EQ(stack.segments[0].kind, kind);
  EXPECT_EQ(stack.segments[0].base, kInterruptStack);
  EXPECT_EQ(stack.segments[1].kind, StackKind::thread);
}

TEST(InterruptStack, OfTheStackTableLeadsToTheStackThatWasInterrupted) {
  expect_walk_across(StackKind::ist);
}

TEST(InterruptStack, OfAServiceRoutineLeadsToTheStackThatWasInterrupted) {
  expect_walk_across(StackKind::isr);
}

}  // namespace
}  // namespace ntstack::stacks
