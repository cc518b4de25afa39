// Steps over hand-made functions with unwind data of version 3. No compiler at hand emits it: the
// bytes are ours, and the truth is Microsoft's "x64 unwind information v3", worked out by hand for
// each function. PUSH2 pushes its first register first (Intel's APX specification).
#include <gtest/gtest.h>

#include "unwind/x64_frames.h"
#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {
namespace {

using tests::ByteWriter;

// An info at kXdata for a function of [0x1000, 0x1100).
Frames one_function(std::initializer_list<int> info,
                    std::initializer_list<std::uint32_t> behind = {}) {
  Frames frames;
  ByteWriter bytes;
  bytes.u8(info);
  if (behind.size() != 0) bytes.pad_to((bytes.size() + 3) & ~std::size_t{3}).u32(behind);
  frames.function(0x1000, 0x1100, frames.raw_info(bytes));
  return frames;
}

// push rbx; push r14; sub rsp, 28h at 0, 1 and 3; the epilogue at 0x1080: add rsp, 28h; two nops;
// pop r14; pop rbx; nop; ret.
Frames plain_function() {
  return one_function({0x03, 7,    8,    0x23, 3, 1,  0,  //
                       0x18, 0x80, 0x00, 0,    0, 10, 0, 6, 8, 0x48, 0x74, 0x1c, 0});
}

TEST(X64StepV3, TheBodyUndoesEveryOperation) {
  Frames frames = plain_function();
  for (const std::uint32_t rva : {0x1007u, 0x107fu, 0x108bu, 0x10ffu}) {
    const auto found = frames.from(rva);
    expect_return_from_slot(found, 7);
    EXPECT_EQ(found->caller.gpr[r14], 0x5005u);
    EXPECT_EQ(found->caller.gpr[rbx], 0x5006u);
  }
}

TEST(X64StepV3, ThePrologueUndoesWhatHasBeenExecuted) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x1000), 0, "before push rbx");
  const auto one = frames.from(0x1001);
  expect_return_from_slot(one, 1, "before push r14");
  EXPECT_EQ(one->caller.gpr[rbx], 0x5000u);
  EXPECT_EQ(one->caller.gpr[r14], 0xa0eu);
  const auto two = frames.from(0x1003);
  expect_return_from_slot(two, 2, "before sub rsp");
  EXPECT_EQ(two->caller.gpr[r14], 0x5000u);
}

TEST(X64StepV3, InAnEpilogueWhatIsNotUndoneYetIsUndone) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x1080), 7, "at add rsp");
  for (const std::uint32_t rva : {0x1084u, 0x1085u, 0x1086u}) {
    const auto pops = frames.from(rva);
    expect_return_from_slot(pops, 2, "up to pop r14");
    EXPECT_EQ(pops->caller.gpr[r14], 0x5000u);
    EXPECT_EQ(pops->caller.gpr[rbx], 0x5001u);
  }
  const auto last = frames.from(0x1088);
  expect_return_from_slot(last, 1, "at pop rbx");
  EXPECT_EQ(last->caller.gpr[r14], 0xa0eu);
  expect_return_from_slot(frames.from(0x1089), 0, "behind the last pop");
  expect_return_from_slot(frames.from(0x108a), 0, "at ret");
}

TEST(X64StepV3, AnEpilogueMayLieInThePrologue) {
  // push rdi; sub rsp, 20h; ...; add rsp, 20h; pop rdi; ret; mov [rsp+30h], rbx
  Frames frames = one_function({0x03, 0x13, 9, 0x23, 14,   2, 0,     //
                                0x10, 8,    0, 3,    0,    5, 0, 4,  //
                                0x1e, 6,    0, 0x38, 0x3c, 0, 0});
  expect_return_from_slot(frames.from(0x1006), 5, "before it");
  expect_return_from_slot(frames.from(0x1008), 5, "at add rsp");
  expect_return_from_slot(frames.from(0x100c), 1, "at pop rdi");
  expect_return_from_slot(frames.from(0x100d), 0, "at ret");
  expect_return_from_slot(frames.from(0x100e), 5, "at mov");
  EXPECT_EQ(frames.from(0x100e)->caller.gpr[rbx], 0xa03u);
  EXPECT_EQ(frames.from(0x1013)->caller.gpr[rbx], 0x5006u);
}

TEST(X64StepV3, ACallInAnEpilogueReturnsIntoItsMiddle) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x1080, true), 7, "the call lies before the epilogue");
  expect_return_from_slot(frames.from(0x1086, true), 2, "the call lies behind add rsp");
}

TEST(X64StepV3, InstructionsOfAnEpilogueAreNotLookedAt) {
  // What version 1 would take for an epilogue is none where the data does not name it.
  Frames frames = one_function({0x03, 4, 1, 1, 0, 0x48});
  frames.code(0x1080, {0x48, 0x83, 0xc4, 0x28, 0xc3});
  expect_return_from_slot(frames.from(0x1080), 5);
  expect_return_from_slot(frames.from(0x1084), 5);
}

TEST(X64StepV3, EveryAllocationHasItsSize) {
  expect_return_from_slot(one_function({0x03, 1, 1, 1, 0, 0xf8}).from(0x1010), 16);
  expect_return_from_slot(one_function({0x03, 1, 2, 1, 0, 0x02, 0x20, 0}).from(0x1010), 32);
  expect_return_from_slot(one_function({0x03, 1, 3, 1, 0, 0x01, 0, 8, 0, 0}).from(0x1010), 256);
}

TEST(X64StepV3, TwoPushesAtOnceLieOneBehindTheOther) {
  // PUSH2 RBX, RSI: RSI below RBX; PUSH_CONSECUTIVE_2 R12: R13 below R12.
  Frames frames = one_function({0x03, 12, 3, 2, 6, 0, 0x67, 0xe0, 0x30, 0});
  const auto found = frames.from(0x1010);
  expect_return_from_slot(found, 4);
  EXPECT_EQ(found->caller.gpr[r13], 0x5000u);
  EXPECT_EQ(found->caller.gpr[r12], 0x5001u);
  EXPECT_EQ(found->caller.gpr[rsi], 0x5002u);
  EXPECT_EQ(found->caller.gpr[rbx], 0x5003u);
  const auto earlier = frames.from(0x1006);
  expect_return_from_slot(earlier, 2);
  EXPECT_EQ(earlier->caller.gpr[rsi], 0x5000u);
  EXPECT_EQ(earlier->caller.gpr[rbx], 0x5001u);
  EXPECT_EQ(earlier->caller.gpr[r12], 0xa0cu);
}

TEST(X64StepV3, ApxRegistersArePassedOver) {
  // push r31; push2 r16, rbx; push2 r30, r31 as consecutive; mov [rsp+8], r29; push rdi
  Frames frames = one_function({0x03, 20, 7, 5, 16, 12, 8, 4, 0,  //
                                0x3c, 0xee, 1, 0, 0xf7, 0x20, 0x1c, 0xfc});
  const auto found = frames.from(0x1040);
  expect_return_from_slot(found, 6);
  EXPECT_EQ(found->caller.gpr[rdi], 0x5000u);
  EXPECT_EQ(found->caller.gpr[rbx], 0x5003u);
  for (const std::uint8_t i : {rbp, rsi, r12, r13, r14, r15})
    EXPECT_EQ(found->caller.gpr[i], 0xa00u + i) << int{i};
}

TEST(X64StepV3, SavedRegistersCountFromTheStackPointerOfTheirInstruction) {
  // mov [rsp+10h], rbx (the home space); push rdi; sub rsp, 20h; mov [rsp+18h], rsi, far;
  // movaps [rsp], xmm6
  Frames frames = one_function({0x03, 20, 10, 5,    15,   10, 6, 5, 0,  //
                                0x6a, 0,  0,  0x35, 0x18, 0,  0, 0, 0x38, 0x3c, 0x1e, 2, 0});
  const auto found = frames.from(0x1040);
  expect_return_from_slot(found, 5);
  EXPECT_EQ(found->caller.gpr[rbx], 0x5007u);
  EXPECT_EQ(found->caller.gpr[rdi], 0x5004u);
  EXPECT_EQ(found->caller.gpr[rsi], 0x5003u);
  EXPECT_EQ(frames.from(0x1005)->caller.gpr[rbx], 0x5002u) << "before the push";
  EXPECT_EQ(frames.from(0x1006)->caller.gpr[rbx], 0x5003u) << "behind it";
}

// push rbp; sub rsp, 30h; lea rbp, [rsp+20h]; mov [rsp+28h], rbx; push rsi; the epilogue:
// lea rsp, [rbp-28h]; pop rsi; lea rsp, [rbp+10h]; pop rbp; ret
Frames framed_function() {
  return one_function({0x03, 15,   12,   0x25, 14,   10,   5,    1,   0,        //
                       0x28, 0x80, 0x00, 0,    0,    11,   4,    4,   5, 5, 9,  //
                       0x34, 0x1e, 5,    0,    0x00, 0x25, 0x58, 0x2c});
}

TEST(X64StepV3, AFrameRegisterCountsInTheBodyWhereverTheStackPointerIs) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x1010, 0);   // RSP was moved down by an alloca
  registers.gpr[rbp] = kStack + 20 * 8 + 0x20;  // RSP was at slot 20 when it was set
  const auto found = frames.from(registers);
  expect_return_from_slot(found, 27);
  EXPECT_EQ(found->caller.gpr[rbp], 0x501au);
  EXPECT_EQ(found->caller.gpr[rbx], 0x5019u);
  EXPECT_EQ(found->caller.gpr[rsi], 0x5013u) << "one slot below where RSP was";
  registers.known = 1u << rsp;
  EXPECT_EQ(frames.from(registers).error(), StepError::register_unknown);
}

TEST(X64StepV3, AFrameRegisterCountsInThePrologueOnceItIsSet) {
  Frames frames = framed_function();
  expect_return_from_slot(frames.from(0x1005), 7, "at lea rbp: RSP counts");
  expect_return_from_slot(frames.from(0x1001), 1, "behind push rbp");
  Registers registers = frames.at(0x100a);
  registers.gpr[rbp] = kStack + 20 * 8 + 0x20;
  expect_return_from_slot(frames.from(registers), 27, "behind lea rbp");
}

TEST(X64StepV3, AFrameRegisterCountsInAnEpilogueUntilTheFrameIsReleased) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x1084, 10);
  registers.gpr[rbp] = kStack + 20 * 8 + 0x20;
  const auto at_pop = frames.from(registers);
  expect_return_from_slot(at_pop, 27, "at pop rsi");
  registers.rip = kBase + 0x1085;
  expect_return_from_slot(frames.from(registers), 27, "at lea rsp");
  EXPECT_EQ(frames.from(registers)->caller.gpr[rsi], 0xa06u);
  registers.rip = kBase + 0x1089;
  expect_return_from_slot(frames.from(registers), 11, "at pop rbp");
  registers.rip = kBase + 0x108b;
  expect_return_from_slot(frames.from(registers), 10, "at ret");
}

void put_machine_frame(Frames& frames, std::size_t slot, std::uint64_t cs) {
  frames.set_slot(slot, 0x7700);
  frames.set_slot(slot + 1, cs);
  frames.set_slot(slot + 3, kStack - 0x1000);
}

TEST(X64StepV3, AMachineFrameGivesItsOwnStackPointer) {
  for (const int type : {0, 1}) {
    // The processor pushes the frame; sub rsp, 20h at 0; the epilogue: add rsp, 20h; iretq
    Frames frames = one_function({0x03, 4,    8,    0x22, 0, 0, 0x10, 0x80, 0, 0, 0, 4, 0, 4,  //
                                  0x38, 0x03, type, 0,    0, 0});
    const std::size_t error_code = type == 1 ? 1 : 0;
    put_machine_frame(frames, 4 + error_code, 0x33);
    const auto found = frames.from(0x1010);
    ASSERT_TRUE(found) << text_of(found.error());
    EXPECT_EQ(found->caller.rip, 0x7700u);
    EXPECT_EQ(found->caller.gpr[rsp], kStack - 0x1000);
    EXPECT_EQ(found->trust, Trust::trap_frame);
    EXPECT_EQ(found->machine_frame, kStack + (4 + error_code) * 8);
    EXPECT_EQ(found->machine_frame_has_error_code, type == 1);
    EXPECT_TRUE(found->machine_frame_from_user);

    put_machine_frame(frames, error_code, 0x10);
    for (const std::uint32_t rva : {0x1000u, 0x1084u}) {
      const auto alone = frames.from(rva);
      ASSERT_TRUE(alone) << text_of(alone.error());
      EXPECT_EQ(alone->machine_frame, kStack + error_code * 8) << rva;
      EXPECT_FALSE(alone->machine_frame_from_user);
    }
  }
}

TEST(X64StepV3, CanonicalFramesOfUnknownTypesAreRefused) {
  for (const int type : {2, 3, 4, 0xff}) {
    Frames frames = one_function({0x03, 0, 2, 1, 0, 0x03, type, 0});
    EXPECT_EQ(frames.from(0x1010).error(), StepError::unwind_data_bad) << type;
  }
}

// The primary part: push rdi; sub rsp, 20h. The other: push rbx; its first epilogue pops RBX and
// jumps back, the second releases all and returns.
Frames chained_function() {
  Frames frames = one_function({0x03, 5, 2, 2, 1, 0, 0x38, 0x3c});
  ByteWriter part;
  part.u8({0x23, 1,    11,   0x41, 0, 0x09, 0x20, 0, 0, 0, 1,
           0,    0x18, 0x20, 0,    0, 0,    9,    0, 1, 5,  //
           0x1c, 0x38, 0x3c, 0,    0})
      .pad_to(28)
      .u32({0x1000, 0x1100, kXdata});
  frames.function(0x1100, 0x1180, frames.raw_info(part));
  return frames;
}

TEST(X64StepV3, OfAChainEveryParentIsUndoneWhole) {
  Frames frames = chained_function();
  const auto body = frames.from(0x1110);
  expect_return_from_slot(body, 6);
  EXPECT_EQ(body->caller.gpr[rbx], 0x5000u);
  EXPECT_EQ(body->caller.gpr[rdi], 0x5005u);
  const auto before = frames.from(0x1100);
  expect_return_from_slot(before, 5, "before push rbx");
  EXPECT_EQ(before->caller.gpr[rbx], 0xa03u);
}

TEST(X64StepV3, AnEpilogueToTheParentLeavesTheParentsFrame) {
  Frames frames = chained_function();
  const auto at_pop = frames.from(0x1120);
  expect_return_from_slot(at_pop, 6);
  EXPECT_EQ(at_pop->caller.gpr[rbx], 0x5000u);
  expect_return_from_slot(frames.from(0x1121), 5, "at jmp");
}

TEST(X64StepV3, AnEpilogueToTheCallerLeavesNothing) {
  Frames frames = chained_function();
  const auto at_pop = frames.from(0x1140);
  expect_return_from_slot(at_pop, 6);
  EXPECT_EQ(at_pop->caller.gpr[rbx], 0x5000u);
  EXPECT_EQ(at_pop->caller.gpr[rdi], 0x5005u);
  expect_return_from_slot(frames.from(0x1141), 5, "at add rsp");
  expect_return_from_slot(frames.from(0x1145), 1, "at pop rdi");
  expect_return_from_slot(frames.from(0x1149), 0, "at ret");
}

TEST(X64StepV3, AnEpiloguesPairIsReadAsThePrologueWroteIt) {
  // push2 rbp, rbx; the epilogue's pop2 rbx, rbp is named as LLVM 23 does, then as pushed.
  for (const bool as_popped : {true, false}) {
    const int first = as_popped ? 0xe0 : 0x60, second = as_popped ? 0x28 : 0x19;
    Frames frames = one_function({0x03, 6, 6, 0x21, 0, 0x08, 0x80, 0, 2, 0, 6, 0,  //
                                  0x60, 0x19, first, second});
    const auto found = frames.from(0x1080);
    expect_return_from_slot(found, 2);
    EXPECT_EQ(found->caller.gpr[rbx], 0x5000u) << as_popped;
    EXPECT_EQ(found->caller.gpr[rbp], 0x5001u) << as_popped;
  }
}

TEST(X64StepV3, LargeProloguesAndEpiloguesHaveOffsetsOf16Bits) {
  Frames frames;
  ByteWriter bytes;
  bytes.u8({0x43, 0x08, 10,   0x22, 0x01, 0x04, 0x01, 0x00, 0x00,              // 108h bytes
            0x12, 0x00, 0x02, 0,    0,    0x05, 0x01, 0x00, 0x00, 0x04, 0x01,  // ret at 105h
            0x38, 0x1c, 0});
  frames.function(0x1000, 0x1400, frames.raw_info(bytes));
  expect_return_from_slot(frames.from(0x1104), 1, "before sub rsp");
  expect_return_from_slot(frames.from(0x1108), 5, "the body");
  expect_return_from_slot(frames.from(0x1200), 5, "at add rsp");
  expect_return_from_slot(frames.from(0x1304), 1, "at pop rbx");
  expect_return_from_slot(frames.from(0x1305), 0, "at ret");
  expect_return_from_slot(frames.from(0x1306), 5, "behind it");
}

TEST(X64StepV3, MalformedUnwindDataIsAnError) {
  const auto error = [](std::initializer_list<int> info) {
    return one_function(info).from(0x1010).error();
  };
  const auto bad = StepError::unwind_data_bad;
  EXPECT_EQ(error({0x83, 0, 0, 0}), bad) << "an unknown flag";
  EXPECT_EQ(error({0x03, 0, 0, 1, 0, 0, 0, 0}), bad) << "no payload";
  EXPECT_EQ(error({0x03, 0, 1, 1, 0, 0x0b}), bad) << "an unknown operation";
  EXPECT_EQ(error({0x03, 0, 1, 1, 0, 0x24}), bad) << "push rsp";
  EXPECT_EQ(error({0x03, 0, 2, 1, 0, 0x00, 0x04, 0}), bad) << "RSP as frame register";
  EXPECT_EQ(error({0x03, 0, 2, 2, 0, 0, 0x03, 0}), bad) << "fewer operations";
  EXPECT_EQ(error({0x03, 0, 3, 2, 0, 0, 0x03, 0, 0x1c, 0}), bad) << "behind a machine frame";
  EXPECT_EQ(error({0x03, 0, 3, 2, 0, 0, 0x2c, 0x00, 0x05, 0}), bad)
      << "the frame register is restored before it is used";
  EXPECT_EQ(error({0x03, 0, 4, 2, 0, 0, 0x00, 0x05, 0x00, 0x25, 0, 0}), bad)
      << "it is set twice, to different places";
  EXPECT_EQ(error({0x03, 0, 4, 0x20, 0x09, 0x10, 0, 0, 0, 1, 0, 0x1c}), bad)
      << "to a parent that is not there";
}

TEST(X64StepV3, AParentThatIsNotThereIsMissing) {
  Frames frames = one_function({0x23, 0, 0, 0}, {0x1000, 0x1100, 0x00100000});
  EXPECT_EQ(frames.from(0x1010).error(), StepError::unwind_data_missing);
}

}  // namespace
}  // namespace ntstack::unwind::x64
