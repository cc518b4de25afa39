// Steps with records and code by hand. The truth: winnt.h's FPO_DATA, IDiaFrameData's description,
// and the rules of the kernel's own walk along EBP, worked out by hand for each frame.
#include "unwind/x86.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kBase = 0x80400000, kStack = 0x80010000;
constexpr std::uint32_t kCalled = 0x1800;  // RVA behind a call through a register
constexpr std::uint32_t kNoCall = 0x1900;  // RVA behind none

class X86Step : public testing::Test, public CodeMap {
 protected:
  X86Step() : code_(0x2000, std::byte{0x90}), slots_(256, 0) {
    put(kCalled - 2, {0xff, 0xd0});
    // A function with a frame pointer, the body of which no code leads to; nothing pads it.
    std::fill_n(code_.begin() + 0x1000, 0x100, std::byte{0x40});
    put(0x1000, {0x55, 0x8b, 0xec, 0xff, 0xe0});
    rebuild();
  }
  void put(std::uint32_t rva, std::initializer_list<int> bytes) {
    for (const int byte : bytes) code_[rva++] = static_cast<std::byte>(byte);
  }
  void put_call(std::uint32_t rva, std::uint32_t target) {
    const std::uint32_t distance = target - rva - 5;
    put(rva, {0xe8, static_cast<int>(distance & 0xff), static_cast<int>(distance >> 8 & 0xff),
              static_cast<int>(distance >> 16 & 0xff), static_cast<int>(distance >> 24)});
  }
  void rebuild() {
    memory_ = base::SegmentSource({{kStack, base::Bytes(std::as_bytes(std::span(slots_)))},
                                   {kBase, base::Bytes(std::span<const std::byte>(code_))}});
  }
  const Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const Module&,
                                                    std::uint32_t rva) const override {
    const bool inside = frame_data_ && rva - frame_data_->rva < frame_data_->size;
    return inside ? frame_data_ : std::nullopt;
  }
  std::optional<pdb::FpoRecord> fpo_at(const Module&, std::uint32_t rva) const override {
    return fpo_ && rva - fpo_->rva < fpo_->size ? fpo_ : std::nullopt;
  }
  Registers at(std::uint32_t rva, std::uint32_t slot = 0) const {
    Registers registers;
    registers.gpr = {1, 2, 3, 0xb0b0, kStack + slot * 4, kStack + 0x40, 0x5151, 0xd1d1};
    registers.eip = kBase + rva;
    registers.known = 0xff;
    return registers;
  }
  std::expected<Step, StepError> from(const Registers& registers, bool is_call_site = true) {
    rebuild();
    return step(*this, memory_, registers, is_call_site, stack_);
  }

  std::vector<std::byte> code_;
  std::vector<std::uint32_t> slots_;
  base::SegmentSource memory_;
  Module module_{kBase, 0x2000, nullptr, {}};
  StackRange stack_{kStack, kStack + 0x400};
  std::optional<pdb::FrameDataRecord> frame_data_;
  std::optional<pdb::FpoRecord> fpo_;
};

pdb::FrameDataRecord record(std::string_view program, std::uint32_t locals, std::uint16_t saved) {
  pdb::FrameDataRecord made;
  made.rva = 0x1000;
  made.size = 0x100;
  made.locals_size = locals;
  made.saved_registers_size = saved;
  made.params_size = 12;
  made.program = program;
  return made;
}

TEST_F(X86Step, TheFramePointersChainGivesReturnAddressAndFrame) {
  put(0xfff, {0xcc});
  put_call(0x1a00, 0x1000);
  slots_[16] = kStack + 0x80;
  slots_[17] = kBase + 0x1a05;
  const auto found = from(at(0x1010), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::frame_pointer);
  EXPECT_EQ(found->caller.eip, kBase + 0x1a05);
  EXPECT_EQ(found->caller.gpr[ebp], kStack + 0x80);
  EXPECT_EQ(found->caller.gpr[esp], kStack + 0x48);
  EXPECT_FALSE(found->caller.knows(ebx));
}

TEST_F(X86Step, AFramePointerThatTheCalledCodeDoesNotSetUpIsAGuess) {
  slots_[16] = kStack + 0x80;
  slots_[17] = kBase + kCalled;  // through a register: to where is not known
  const auto unknown = from(at(0x1010));
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->caller.eip, kBase + kCalled);
  EXPECT_EQ(unknown->trust, Trust::scan);
  put(0x1000, {0x90, 0x90, 0x90});  // EBP is an older frame's
  put_call(0x1a00, 0x1000);
  slots_[17] = kBase + 0x1a05;
  const auto older = from(at(0x1010));
  ASSERT_TRUE(older);
  EXPECT_EQ(older->trust, Trust::scan);
}

TEST_F(X86Step, WithoutARecordTheFunctionBehindThePaddingIsDecoded) {
  put(0x10fd, {0xc3, 0x90, 0x90});
  put(0x1100, {0x53, 0x83, 0xec, 0x08, 0x6a, 0x01, 0x40});  // push ebx; sub esp, 8; push 1; inc eax
  slots_[3] = 0x1234;
  slots_[4] = kBase + kCalled;
  const auto found = from(at(0x1106), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::code);
  EXPECT_EQ(found->return_slot, kStack + 16);
  EXPECT_EQ(found->caller.gpr[ebx], 0x1234u);
  EXPECT_EQ(found->caller.gpr[ebp], kStack + 0x40);
}

TEST_F(X86Step, WithoutARecordAFunctionIsFoundByACallOfIt) {
  std::fill_n(code_.begin() + 0x1100, 0x100, std::byte{0x40});
  put(0x1143, {0x56, 0x83, 0xec, 0x08, 0x40});  // push esi; sub esp, 8; inc eax
  put(0x1700, {0xe8, 0x3e, 0xfa, 0xff, 0xff});  // call 1143
  put(0x1710, {0xe8, 0x00, 0x01, 0x00, 0x00});  // call 1815
  slots_[1] = kBase + 0x1715;                   // left over
  slots_[2] = 0x5656;
  slots_[3] = kBase + 0x1705;
  const auto found = from(at(0x1147), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::code);
  EXPECT_EQ(found->return_slot, kStack + 12);
  EXPECT_EQ(found->caller.gpr[esi], 0x5656u);
}

TEST_F(X86Step, AFunctionIsFoundByACallOfItThroughAnImport) {
  std::fill_n(code_.begin() + 0x1100, 0x100, std::byte{0x40});
  put(0x1143, {0x56, 0x83, 0xec, 0x08, 0x40});
  put(0x1700, {0xff, 0x15, 0x00, 0x15, 0x40, 0x80});  // call [80401500]
  put(0x1500, {0x43, 0x11, 0x40, 0x80});
  slots_[3] = kBase + 0x1706;
  const auto found = from(at(0x1147), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::code);
  EXPECT_EQ(found->return_slot, kStack + 12);
}

TEST_F(X86Step, AFramePointerMustRiseAndStayInTheStack) {
  slots_[16] = kStack + 0x80;
  slots_[17] = kBase + kCalled;
  EXPECT_FALSE(from(at(0x1010, 20)));  // EBP is below ESP
  stack_.high = kStack + 0x44;
  EXPECT_FALSE(from(at(0x1010)));
  stack_ = {kStack + 0x44, kStack + 0x400};
  EXPECT_FALSE(from(at(0x1010)));
}

TEST_F(X86Step, AReturnAddressIsNeverBelow64KilobytesAndFollowsACall) {
  module_ = {0, 0x80402000, nullptr, {}};  // so that a module alone would not refuse it
  slots_[17] = 0xffff;
  EXPECT_FALSE(from(at(0x1010)));
  slots_[17] = kBase + kNoCall;
  EXPECT_EQ(from(at(0x1010)).error(), StepError::return_not_found);
}

TEST_F(X86Step, TheSearchBeginsBehindTheCalleesArgumentsLocalsAndSavedRegisters) {
  frame_data_ = record("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $20 $T0 4 - ^ =", 8, 4);
  slots_[4] = 0x77;  // 4 bytes of arguments, 8 of locals, then EBX
  slots_[3] = 0x1234;
  slots_[4] = kBase + kCalled;
  Registers registers = at(0x1010);
  registers.arguments = 4;
  const auto found = from(registers);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::scan);  // arguments of an outer call may lie between
  EXPECT_EQ(found->return_slot, kStack + 16);
  EXPECT_EQ(found->caller.gpr[ebx], 0x1234u);
  EXPECT_EQ(found->caller.gpr[ebp], kStack + 0x40);
  EXPECT_EQ(found->caller.arguments, 12u);
}

TEST_F(X86Step, ArgumentsWrittenToTheLocalsAreNotCountedTwice) {
  frame_data_ = record("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", 12, 0);
  slots_[3] = kBase + kCalled;
  Registers registers = at(0x1010);
  registers.arguments = 12;
  const auto found = from(registers);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->return_slot, kStack + 12);
  EXPECT_EQ(found->trust, Trust::scan);
}

TEST_F(X86Step, AReturnAddressFoundFurtherOnIsAGuess) {
  frame_data_ = record("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", 8, 0);
  slots_[2] = kBase + kNoCall;
  slots_[4] = kBase + kCalled;  // the stack was aligned
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->return_slot, kStack + 16);
  EXPECT_EQ(found->trust, Trust::scan);
}

TEST_F(X86Step, WhereTheRecordUsesNoFramePointerTheChainIsNotFollowed) {
  frame_data_ = record("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =", 0x200, 0);
  slots_[16] = kStack + 0x80;
  slots_[17] = kBase + kCalled;
  EXPECT_EQ(from(at(0x1010)).error(), StepError::return_not_found);
}

TEST_F(X86Step, AnFpoRecordsSizesLeadToTheReturnAddress) {
  fpo_ = pdb::FpoRecord{0x1000, 0x100, 8, 0, 6, 3, 0, false, true};
  slots_[1] = kStack + 0x60;  // edi, ebp, ebx from below; EBP is the last but one
  slots_[5] = kBase + kCalled;
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::scan);
  EXPECT_EQ(found->return_slot, kStack + 20);
  EXPECT_EQ(found->caller.gpr[ebp], kStack + 0x60);
}

TEST_F(X86Step, PushedArgumentsAreCountedByTheCode) {
  // push ebx; sub esp, 8; push 1; nop
  put(0x1000, {0x53, 0x83, 0xec, 0x08, 0x6a, 0x01, 0x90});
  frame_data_ = record("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + = $ebx $T0 4 - ^ =", 8, 4);
  frame_data_->flags = 4;
  slots_[3] = 0x1234;
  slots_[4] = kBase + kCalled;
  const auto found = from(at(0x1006), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::frame_data);
  EXPECT_EQ(found->return_slot, kStack + 16);
  EXPECT_EQ(found->caller.gpr[ebx], 0x1234u);
}

TEST_F(X86Step, AnEpilogueIsUndoneFromWhereItStands) {
  put(0x1050, {0x83, 0xc4, 0x08, 0x5e, 0x5d, 0xc2, 0x0c, 0x00});  // add esp, 8; pop esi, ebp; ret
  slots_[2] = 0x66;
  slots_[3] = kStack + 0x70;
  slots_[4] = kBase + kCalled;
  const auto found = from(at(0x1050), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->return_slot, kStack + 16);
  EXPECT_EQ(found->caller.gpr[esi], 0x66u);
  EXPECT_EQ(found->caller.gpr[ebp], kStack + 0x70);
}

TEST_F(X86Step, BeforeTheFramePointerIsSetUpTheReturnAddressIsAtEsp) {
  put(0x1000, {0x55, 0x8b, 0xec});
  slots_[0] = kBase + kCalled;
  const auto entry = from(at(0x1000), false);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->return_slot, kStack);
  EXPECT_EQ(entry->caller.gpr[ebp], kStack + 0x40);
  slots_[0] = kStack + 0x70;
  slots_[1] = kBase + kCalled;
  const auto pushed = from(at(0x1001), false);
  ASSERT_TRUE(pushed);
  EXPECT_EQ(pushed->caller.gpr[ebp], kStack + 0x70);
}

TEST_F(X86Step, OlderProgramsLeaveTheSavedRegistersUnknown) {
  frame_data_ = record(
      "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = $L $T0 .cbSavedRegs - =", 0, 8);
  slots_[16] = kStack + 0x80;
  slots_[17] = kBase + kCalled;
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->caller.knows(ebp));
  EXPECT_FALSE(found->caller.knows(ebx));
  EXPECT_FALSE(found->caller.knows(esi));
}

// EBP at a trap frame: the interrupted frame, in the words of the public _KTRAP_FRAME.
class X86StepToTrap : public X86Step {
 protected:
  void put_trap_frame(std::uint32_t cs) {
    constexpr std::uint32_t at = 0x40 / 4;
    slots_[at] = slots_[at + 0x60 / 4] = kStack + 0x200;  // DbgEbp, Ebp
    slots_[at + 1] = slots_[at + 0x68 / 4] = kBase + 0x1234;
    slots_[at + 2] = 0xbadb0d00;
    slots_[at + 0x5c / 4] = 0xb1b1;
    slots_[at + 0x6c / 4] = cs;
    slots_[at + 0x70 / 4] = 0x246;
    slots_[at + 0x74 / 4] = 0x77000000;
    slots_[at + 0x78 / 4] = 0x23;
    stack_.traps = TrapLayout::since_8_1;
  }
};

TEST_F(X86StepToTrap, TheChainOfFramePointersPassesThroughAKernelsTrapFrame) {
  put_trap_frame(8);
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::trap_frame);
  EXPECT_EQ(found->trap_frame, kStack + 0x40);
  EXPECT_FALSE(found->trap_from_user);
  EXPECT_EQ(found->return_slot, kStack + 0x40 + 0x68);
  EXPECT_EQ(found->caller.eip, kBase + 0x1234);
  EXPECT_EQ(found->caller.gpr[esp], kStack + 0x40 + 0x74);
  EXPECT_EQ(found->caller.gpr[ebx], 0xb1b1u);
  EXPECT_EQ(found->caller.known, 0xffu);
}

TEST_F(X86StepToTrap, AUsersTrapFrameSaysSo) {
  put_trap_frame(0x1b);
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->trap_from_user);
  EXPECT_EQ(found->caller.gpr[esp], 0x77000000u);
}

TEST_F(X86StepToTrap, AFunctionBetweenThatLeavesEbpAloneMakesItAGuess) {
  put_trap_frame(8);
  slots_[4] = kBase + kCalled;
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trap_frame, kStack + 0x40);
  EXPECT_EQ(found->trust, Trust::scan);
}

TEST_F(X86StepToTrap, WithoutTheCopiesOfEbpAndEipItIsNotOnTheChain) {
  put_trap_frame(8);
  slots_[0x40 / 4 + 1] = kBase + 0x1235;
  EXPECT_FALSE(from(at(0x1010)));
  put_trap_frame(8);
  slots_[0x40 / 4] = kStack + 0x300;
  EXPECT_FALSE(from(at(0x1010)));
  put_trap_frame(8);
  stack_.traps.reset();  // a user's stack
  EXPECT_FALSE(from(at(0x1010)));
  stack_ = {kStack, kStack + 0x40 + 0x70, TrapLayout::since_8_1};  // it ends beyond the stack
  EXPECT_FALSE(from(at(0x1010)));
}

TEST_F(X86StepToTrap, AnFpoRecordOfATrapHandlerLeadsToIt) {
  put_trap_frame(8);
  slots_[4] = kBase + kCalled;
  fpo_ = pdb::FpoRecord{0x1000, 0x100, 0, 0, 0, 0, 1, false, false};
  const auto found = from(at(0x1010));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trust, Trust::trap_frame);
}

// The kernel's own walk (seed 2): [StackLimit, InitialStack), or the DPC stack's bounds.
TEST_F(X86Step, AFramePointerAtTheStacksEndIsRefusedAndTheLastBelowItIsNot) {
  slots_[16] = 0;
  slots_[17] = kBase + kCalled;
  stack_ = {kStack, kStack + 0x48, {}};
  EXPECT_TRUE(from(at(0x1010)));
  stack_.high = kStack + 0x47;
  EXPECT_FALSE(from(at(0x1010)));
  stack_ = {kStack + 0x1000, kStack + 0x4000, {}};  // the DPC stack's, and EBP is not on it
  EXPECT_FALSE(from(at(0x1010)));
}

}  // namespace
}  // namespace ntstack::unwind::x86
