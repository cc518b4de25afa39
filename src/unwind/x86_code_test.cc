// Frames worked out by hand from short functions: what each rule of the decoding is for.
#include "unwind/x86_code.h"

#include <gtest/gtest.h>

#include <vector>

#include "unwind/x86_frame.h"
#include "unwind/x86_helper.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kStart = 0x80401000;

class X86Code : public testing::Test {
 protected:
  X86Code() : code_(0x400, std::byte{0xcc}) {}
  void put(std::uint32_t offset, std::initializer_list<int> bytes) {
    for (const int byte : bytes) code_[offset++] = static_cast<std::byte>(byte);
  }
  std::optional<FrameState> at(std::uint32_t offset, std::uint32_t size = 0x100,
                               std::uint32_t prolog = 0) const {
    const base::SegmentSource memory({{kStart, base::Bytes(std::span(code_))}});
    return frame_state_at(memory, {kStart, size, prolog}, kStart + offset);
  }
  CallEffect effect_of(std::uint32_t offset) const {
    const base::SegmentSource memory({{kStart, base::Bytes(std::span(code_))}});
    return effect_of_call(memory, kStart + offset);
  }

  std::vector<std::byte> code_;
};

TEST_F(X86Code, AnAssumedCleanUpIsBorneOutByTheReturn) {
  // push ebx; push 1; call eax; nop; pop ebx; ret
  put(0, {0x53, 0x6a, 0x01, 0xff, 0xd0, 0x90, 0x5b, 0xc3});
  const auto state = at(5);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->esp, 4);
  EXPECT_FALSE(state->assumed);
}

TEST_F(X86Code, AnAssumedCleanUpWithoutAReturnStaysAssumed) {
  put(0, {0x53, 0x6a, 0x01, 0xff, 0xd0, 0x90, 0xcc});
  const auto state = at(5);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->assumed);
}

TEST_F(X86Code, BothKindsOfAssumptionsOnOnePathBearNothingOut) {
  // push ebx; push 1; call eax; push 2; call edx; pop ecx; nop; pop ebx; ret
  put(0, {0x53, 0x6a, 0x01, 0xff, 0xd0, 0x6a, 0x02, 0xff, 0xd2, 0x59, 0x90, 0x5b, 0xc3});
  EXPECT_TRUE(at(10)->assumed);
  EXPECT_FALSE(at(3)->assumed);  // before either
}

TEST_F(X86Code, AStateThatReturnsElsewhereIsNone) {
  put(0, {0x83, 0xec, 0x04, 0x90, 0xc3});  // sub esp, 4; nop; ret
  EXPECT_FALSE(at(3));
}

TEST_F(X86Code, WhatFollowsACallThatDoesNotReturnIsNotReachedThroughIt) {
  // test eax, eax; je 9; push 1; call 100; 9: nop; ret. 100: int3
  put(0, {0x85, 0xc0, 0x74, 0x07, 0x6a, 0x01, 0xe8, 0xf5, 0x00, 0x00, 0x00, 0x90, 0xc3});
  put(0x100, {0xc3});  // as by its code: it removes nothing
  const auto state = at(0x0b);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->esp, 0);
}

TEST_F(X86Code, PushesOfThePrologueAreTheFramesOwn) {
  // push ecx; call eax; nop; pop ecx; ret: by its code alone an argument
  put(0, {0x51, 0xff, 0xd0, 0x90, 0x59, 0xc3});
  EXPECT_TRUE(at(3)->assumed);
  const auto state = at(3, 0x100, 1);
  ASSERT_TRUE(state);
  EXPECT_FALSE(state->assumed);
  EXPECT_EQ(state->esp, 4);
}

TEST_F(X86Code, ASwitchIsFollowedThroughItsTable) {
  // push esi; jmp [eax * 4 + 80401020]; 8: nop; pop esi; ret
  put(0, {0x56, 0xff, 0x24, 0x85, 0x20, 0x10, 0x40, 0x80, 0x90, 0x5e, 0xc3});
  put(0x20, {0x08, 0x10, 0x40, 0x80, 0x00, 0x00, 0x00, 0x00});
  const auto state = at(8);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->esp, 4);
}

TEST_F(X86Code, AHandlerThatIsCalledAndGoneOnToIsInDoubt) {
  // push ebp; mov ebp, esp; call b; jmp b; nop; b: inc eax; leave; ret
  put(0, {0x55, 0x8b, 0xec, 0xe8, 0x03, 0x00, 0x00, 0x00, 0xeb, 0x01, 0x90, 0x40, 0xc9, 0xc3});
  const auto state = at(0x0b);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->assumed);
  EXPECT_FALSE(state->esp);
  EXPECT_FALSE(state->ebp);
}

TEST_F(X86Code, HelpersAreKnownByWhatTheirCodeDoes) {
  // __chkstk of Microsoft's library, of 2005 and later
  put(0, {0x51, 0x8d, 0x4c, 0x24, 0x04, 0x2b, 0xc8, 0x1b, 0xc0, 0xf7, 0xd0, 0x23,
          0xc8, 0x8b, 0xc4, 0x25, 0x00, 0xf0, 0xff, 0xff, 0x3b, 0xc8, 0x72, 0x09,
          0x8b, 0xc1, 0x59, 0x94, 0x8b, 0x00, 0x89, 0x04, 0x24, 0xc3});
  EXPECT_EQ(effect_of(0).kind, CallEffect::lowers_esp);
  put(0x80, {0x83, 0xf8, 0x01, 0xc2, 0x0c, 0x00});
  EXPECT_EQ(effect_of(0x80).kind, CallEffect::removes);
  EXPECT_EQ(effect_of(0x80).amount, 12);
  // mov ecx, [ebp-10]; pop ecx; pop edi; mov esp, ebp; pop ebp; push ecx; ret
  put(0x100, {0x8b, 0x4d, 0xf0, 0x59, 0x5f, 0x8b, 0xe5, 0x5d, 0x51, 0xc3});
  EXPECT_EQ(effect_of(0x100).kind, CallEffect::leaves_frame);
}

TEST_F(X86Code, AFrameOfMoreThanAPageIsCountedThroughItsProbe) {
  // mov eax, 2000; call 80; nop; add esp, 2000; ret. 80: pop ecx; sub esp, eax; push ecx; ret
  put(0, {0xb8, 0x00, 0x20, 0x00, 0x00, 0xe8, 0x76, 0x00, 0x00, 0x00, 0x90, 0x81, 0xc4, 0x00, 0x20,
          0x00, 0x00, 0xc3});
  put(0x80, {0x59, 0x2b, 0xe0, 0x51, 0xc3});
  const auto state = at(10, 0x20);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->esp, 0x2000);
}

TEST_F(X86Code, AHelperIsLeftByExecutingItsRest) {
  // pop ecx; sub esp, eax; push ecx; ret, from its second instruction on
  put(0, {0x59, 0x2b, 0xe0, 0x51, 0xc3});
  const base::SegmentSource memory({{kStart, base::Bytes(std::span(code_))}});
  Registers registers;
  registers.gpr = {0x2000, 0x80402222, 0, 0, 0x80018000, 0, 0, 0};
  registers.eip = kStart + 1;
  registers.known = 0xff;
  const auto returned = execute_to_return(memory, registers);
  ASSERT_TRUE(returned);
  EXPECT_EQ(returned->registers.eip, 0x80402222u);
  EXPECT_EQ(returned->registers.gpr[esp], 0x80016000u);
  EXPECT_TRUE(returned->registers.after_call);
}

}  // namespace
}  // namespace ntstack::unwind::x86
