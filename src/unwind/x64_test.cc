// Steps over hand-made functions. The truth is Microsoft's documentation ("x64 exception handling",
// "x64 prolog and epilog"), worked out by hand for each function; version 2 is as clang emits it.
#include "unwind/x64.h"

#include <gtest/gtest.h>

#include "unwind/x64_cache.h"
#include "unwind/x64_frames.h"
#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {
namespace {

// push rbx; push r14; sub rsp, 28h; ...; add rsp, 28h; pop r14; pop rbx; ret
Frames plain_function() {
  Frames frames;
  frames.function(0x1000, 0x1020, frames.info(1, 7, 0, {0x07, 0x42, 0x03, 0xe0, 0x01, 0x30}));
  frames.code(0x1000, {0x53, 0x41, 0x56, 0x48, 0x83, 0xec, 0x28});
  frames.code(0x1007, {0x90, 0xe8, 0, 0, 0, 0, 0x90});
  frames.code(0x100e, {0x48, 0x83, 0xc4, 0x28, 0x41, 0x5e, 0x5b, 0xc3});
  return frames;
}

TEST(X64Step, TheBodyUndoesEveryCode) {
  Frames frames = plain_function();
  const auto found = frames.from(0x1008);
  expect_return_from_slot(found, 7);
  EXPECT_EQ(found->caller.gpr[r14], 0x5005u);
  EXPECT_EQ(found->caller.gpr[rbx], 0x5006u);
}

TEST(X64Step, ThePrologueUndoesWhatHasBeenExecuted) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x1000), 0, "before push rbx");
  const auto one = frames.from(0x1001);
  expect_return_from_slot(one, 1, "before push r14");
  EXPECT_EQ(one->caller.gpr[rbx], 0x5000u);
  EXPECT_EQ(one->caller.gpr[r14], 0xa0eu);
  const auto two = frames.from(0x1003);
  expect_return_from_slot(two, 2, "before sub rsp");
  EXPECT_EQ(two->caller.gpr[r14], 0x5000u);
  EXPECT_EQ(two->caller.gpr[rbx], 0x5001u);
}

TEST(X64Step, TheEpilogueOfVersion1IsKnownByItsInstructions) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x100e), 7, "at add rsp");
  const auto pops = frames.from(0x1012);
  expect_return_from_slot(pops, 2, "at pop r14");
  EXPECT_EQ(pops->caller.gpr[r14], 0x5000u);
  EXPECT_EQ(pops->caller.gpr[rbx], 0x5001u);
  expect_return_from_slot(frames.from(0x1014), 1, "at pop rbx");
  expect_return_from_slot(frames.from(0x1015), 0, "at ret");
}

TEST(X64Step, AnEpilogueMayLieInThePrologue) {
  // As Microsoft's compiler does where a register is saved late: push rdi; sub rsp, 20h; ...;
  // add rsp, 20h; pop rdi; ret; mov [rsp+30h], rbx
  Frames frames;
  frames.function(0x1000, 0x1040,
                  frames.info(1, 0x13, 0, {0x13, 0x34, 0x06, 0x00, 0x06, 0x32, 0x02, 0x70}));
  frames.code(0x1000, {0x40, 0x57, 0x48, 0x83, 0xec, 0x20, 0x74, 0x06, 0x48, 0x83, 0xc4, 0x20});
  frames.code(0x100c, {0x5f, 0xc3, 0x48, 0x89, 0x5c, 0x24, 0x30, 0x90});
  expect_return_from_slot(frames.from(0x1006), 5, "at je");
  expect_return_from_slot(frames.from(0x1008), 5, "at add rsp");
  expect_return_from_slot(frames.from(0x100c), 1, "at pop rdi");
  expect_return_from_slot(frames.from(0x100d), 0, "at ret");
  expect_return_from_slot(frames.from(0x100e), 5, "at mov");
  EXPECT_EQ(frames.from(0x100e)->caller.gpr[rbx], 0xa03u);
  EXPECT_EQ(frames.from(0x1013)->caller.gpr[rbx], 0x5006u);
}

TEST(X64Step, AReturnAddressAtAnEpiloguesFirstInstructionGivesTheSameBothWays) {
  Frames frames = plain_function();
  const auto as_call_site = frames.from(0x100e, true);
  const auto as_position = frames.from(0x100e, false);
  expect_return_from_slot(as_call_site, 7);
  EXPECT_EQ(as_call_site->caller.gpr, as_position->caller.gpr);
}

TEST(X64Step, LargeAllocationsComeInTwoSizes) {
  Frames frames;
  frames.function(0x1000, 0x1010, frames.info(1, 7, 0, {0x07, 0x01, 0x20, 0x00}));  // 100h
  frames.function(0x1010, 0x1020,
                  frames.info(1, 7, 0, {0x07, 0x11, 0x00, 0x08, 0x00, 0x00}));  // 800h
  frames.code(0x1008, {0x90, 0x90});
  frames.code(0x1018, {0x90, 0x90});
  expect_return_from_slot(frames.from(0x1008), 0x100 / 8);
  expect_return_from_slot(frames.from(0x1018), 0x800 / 8);
}

TEST(X64Step, SavedRegistersLieInTheFixedFrameAndXmmSavesAreNotFollowed) {
  Frames frames;
  // sub rsp, 48h; mov [rsp+50h], rbx (the home space); mov [rsp+58h], rsi, far; movaps [rsp+20h],
  // xmm6; movaps [rsp+30h], xmm7, far
  frames.function(
      0x1000, 0x1040,
      frames.info(1, 0x20, 0, {0x20, 0x79, 0x30, 0, 0, 0, 0x18, 0x68, 0x02, 0x00,  //
                               0x10, 0x65, 0x58, 0, 0, 0, 0x09, 0x34, 0x0a, 0x00, 0x04, 0x82}));
  frames.code(0x1030, {0x90, 0x90});
  const auto found = frames.from(0x1030);
  expect_return_from_slot(found, 9);
  EXPECT_EQ(found->caller.gpr[rbx], 0x500au);
  EXPECT_EQ(found->caller.gpr[rsi], 0x500bu);
  EXPECT_EQ(found->caller.gpr[rdi], 0xa07u);
  const auto earlier = frames.from(0x100c);  // rbx is saved, rsi not yet
  EXPECT_EQ(earlier->caller.gpr[rbx], 0x500au);
  EXPECT_EQ(earlier->caller.gpr[rsi], 0xa06u);
}

// push rbp; sub rsp, 30h; lea rbp, [rsp+20h]; ...; lea rsp, [rbp+10h]; pop rbp; ret
Frames framed_function() {
  Frames frames;
  frames.function(0x1000, 0x1040, frames.info(1, 0x0a, 0x25, {0x0a, 0x03, 0x05, 0x52, 0x01, 0x50}));
  frames.code(0x1000, {0x55, 0x48, 0x83, 0xec, 0x30, 0x48, 0x8d, 0x6c, 0x24, 0x20, 0x90, 0x90});
  frames.code(0x1030, {0x48, 0x8d, 0x65, 0x10, 0x5d, 0xc3});
  return frames;
}

TEST(X64Step, AFrameRegisterCountsInTheBodyWhereverTheStackPointerIs) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x100a, 0);   // RSP was moved down by an alloca
  registers.gpr[rbp] = kStack + 20 * 8 + 0x20;  // the fixed frame is at slot 20
  const auto found = frames.from(registers);
  expect_return_from_slot(found, 27);
  EXPECT_EQ(found->caller.gpr[rbp], 0x5000u + 26);
}

TEST(X64Step, AFrameRegisterCountsInThePrologueOnceItIsSet) {
  Frames frames = framed_function();
  expect_return_from_slot(frames.from(0x1005), 7, "before lea rbp: RSP counts");
  EXPECT_EQ(frames.from(0x1005)->caller.gpr[rbp], 0x5006u);
  expect_return_from_slot(frames.from(0x1001), 1, "after push rbp");
}

TEST(X64Step, AnEpiloguesLeaCountsFromTheFrameRegister) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x1030, 0);
  registers.gpr[rbp] = kStack + 20 * 8 + 0x20;
  expect_return_from_slot(frames.from(registers), 27, "at lea rsp");
  expect_return_from_slot(frames.from(0x1034), 1, "at pop rbp");
}

TEST(X64Step, ARegisterPushedBehindTheFrameRegisterIsReadFromTheStackPointer) {
  // GCC: push rbp; mov rbp, rsp; push rsi; sub rsp, 20h
  Frames frames;
  frames.function(0x1000, 0x1020,
                  frames.info(1, 9, 0x05, {0x09, 0x32, 0x05, 0x60, 0x04, 0x03, 0x01, 0x50}));
  frames.code(0x1010, {0x90, 0x90});
  Registers registers = frames.at(0x1010, 0);
  registers.gpr[rbp] = kStack + 5 * 8;
  const auto found = frames.from(registers);
  expect_return_from_slot(found, 6);
  EXPECT_EQ(found->caller.gpr[rsi], 0x5004u);
  EXPECT_EQ(found->caller.gpr[rbp], 0x5005u);
}

TEST(X64Step, AnUnknownFrameRegisterIsAnError) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x100a);
  registers.known = 1u << rsp;
  const auto found = frames.from(registers);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error(), StepError::register_unknown);
  registers.rip = kBase + 0x1005;  // RSP is enough before it is set
  EXPECT_TRUE(frames.from(registers));
}

TEST(X64Step, ALargeFrameOffsetIsTakenFromItsCode) {
  Frames frames;  // SET_FPREG_LARGE: offset 10h * 16; ALLOC_LARGE 200h; PUSH rbp
  frames.function(
      0x1000, 0x1020,
      frames.info(1, 0x10, 0x05, {0x10, 0x0b, 0x10, 0, 0, 0, 0x08, 0x01, 0x40, 0x00, 0x01, 0x50}));
  frames.code(0x1018, {0x90, 0x90});
  Registers registers = frames.at(0x1018, 0);
  registers.gpr[rbp] = kStack + 0x100;
  expect_return_from_slot(frames.from(registers), 0x200 / 8 + 1);
}

void put_machine_frame(Frames& frames, std::size_t slot, std::uint64_t cs) {
  frames.set_slot(slot, 0x7700);
  frames.set_slot(slot + 1, cs);
  frames.set_slot(slot + 3, kStack - 0x1000);  // RSP of another stack, below
}

TEST(X64Step, AMachineFrameGivesItsOwnStackPointer) {
  Frames frames;  // PUSH_MACHFRAME; PUSH rbp; ALLOC 20h
  frames.function(0x1000, 0x1020, frames.info(1, 5, 0, {0x05, 0x32, 0x01, 0x50, 0x00, 0x0a}));
  frames.code(0x1010, {0x90, 0x90});
  put_machine_frame(frames, 5, 0x10);
  const auto found = frames.from(0x1010);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.rip, 0x7700u);
  EXPECT_EQ(found->caller.gpr[rsp], kStack - 0x1000);
  EXPECT_EQ(found->caller.gpr[rbp], 0x5004u);
  EXPECT_EQ(found->trust, Trust::trap_frame);
  EXPECT_EQ(found->machine_frame, kStack + 5 * 8);
  EXPECT_FALSE(found->machine_frame_has_error_code);
  EXPECT_FALSE(found->machine_frame_from_user);
}

TEST(X64Step, AMachineFrameMayHaveAnErrorCodeAndComeFromUserMode) {
  Frames frames;
  frames.function(0x1000, 0x1020, frames.info(1, 5, 0, {0x05, 0x32, 0x00, 0x1a}));
  frames.code(0x1010, {0x90, 0x90});
  put_machine_frame(frames, 5, 0x33);
  const auto found = frames.from(0x1010);
  ASSERT_TRUE(found) << text_of(found.error());
  EXPECT_EQ(found->caller.rip, 0x7700u);
  EXPECT_EQ(found->machine_frame, kStack + 5 * 8);
  EXPECT_TRUE(found->machine_frame_has_error_code);
  EXPECT_TRUE(found->machine_frame_from_user);
}

TEST(X64Step, AMachineFrameThatLeadsToItselfIsNoProgress) {
  Frames frames;
  frames.function(0x1000, 0x1020, frames.info(1, 0, 0, {0x00, 0x0a}));
  frames.code(0x1010, {0x90, 0x90});
  frames.set_slot(0, kBase + 0x1010);
  frames.set_slot(3, kStack);
  EXPECT_EQ(frames.from(0x1010).error(), StepError::no_progress);
}

TEST(X64Step, OfAChainEveryParentIsUndoneWhole) {
  Frames frames;
  // The primary part: push rdi; sub rsp, 20h. The other part saves rbx at [rsp+30h].
  frames.function(0x1000, 0x1010, frames.info(1, 5, 0, {0x05, 0x32, 0x01, 0x70}));
  frames.function(0x1010, 0x1030,
                  frames.info(0x21, 5, 0, {0x05, 0x34, 0x06, 0x00}, {0x1000, 0x1010, kXdata}));
  frames.code(0x1010, {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90});
  const auto before = frames.from(0x1012);
  expect_return_from_slot(before, 5);
  EXPECT_EQ(before->caller.gpr[rdi], 0x5004u);
  EXPECT_EQ(before->caller.gpr[rbx], 0xa03u);
  EXPECT_EQ(frames.from(0x1015)->caller.gpr[rbx], 0x5006u);
}

TEST(X64Step, AChainThatDoesNotEndIsBadData) {
  Frames frames;
  frames.function(0x1000, 0x1010, frames.info(0x21, 0, 0, {}, {0x1000, 0x1010, kXdata}));
  EXPECT_EQ(frames.from(0x1004).error(), StepError::unwind_data_bad);
}

TEST(X64Step, AnIndirectEntryMeansTheOneThatItNames) {
  Frames frames = plain_function();
  frames.function(0x1100, 0x1110, frames.entry(0x1000) | 1);
  frames.code(0x1104, {0x90, 0x90});
  expect_return_from_slot(frames.from(0x1104), 7);
}

TEST(X64Step, WhatTheTableDoesNotNameIsALeaf) {
  Frames frames = plain_function();
  expect_return_from_slot(frames.from(0x1800), 0);
  EXPECT_EQ(frames.from(0x1800)->caller.gpr[rbx], 0xa03u);
}

TEST(X64Step, ALeafCannotHaveCalled) {
  Frames frames = plain_function();
  EXPECT_EQ(frames.from(0x1800, true).error(), StepError::not_described);
}

TEST(X64Step, AFunctionsStartMayStandForAReturnAddress) {
  Frames frames = plain_function();
  frames.function(0x1400, 0x1420, frames.info(1, 4, 0, {0x04, 0x42}));
  expect_return_from_slot(frames.from(0x1400, true), 0);
}

TEST(X64Step, ACallThatDoesNotReturnMayEndAFunction) {
  Frames frames = plain_function();
  frames.function(0x1020, 0x1030, frames.info(1, 1, 0, {0x01, 0x50}));
  expect_return_from_slot(frames.from(0x1020, true), 7);  // a return address: of the first function
  expect_return_from_slot(frames.from(0x1020, false), 0);  // a position: the second one's start
}

TEST(X64Step, AReturnAddressInThePrologueUndoesWhatHasBeenExecuted) {
  Frames frames;  // mov eax, 1000h; call __chkstk; sub rsp, rax
  frames.function(0x1000, 0x1020, frames.info(1, 0x0e, 0, {0x0e, 0x01, 0x00, 0x02, 0x01, 0x50}));
  expect_return_from_slot(frames.from(0x100b, true), 1);
}

// sub rsp, 28h; ...; then what `code` says, at 1010h of a function that ends at 1080h.
Frames with_code(Code code) {
  Frames frames;
  frames.function(0x1000, 0x1080, frames.info(1, 4, 0, {0x04, 0x42}));
  frames.function(0x1100, 0x1110, frames.info(1, 0, 0, {}));
  // A part of the first function, by its chained info.
  frames.function(0x1200, 0x1210, frames.info(0x21, 0, 0, {}, {0x1000, 0x1080, kXdata}));
  frames.code(0x1000, {0x48, 0x83, 0xec, 0x28, 0x90, 0x90, 0x90, 0x90});
  frames.code(0x1008, {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90});
  frames.code(0x1010, code);
  return frames;
}

TEST(X64Step, AJumpToAnotherFunctionEndsAnEpilogue) {
  Frames frames = with_code({0x48, 0x83, 0xc4, 0x28, 0xe9, 0xe7, 0x00, 0x00, 0x00});  // to 1100h
  expect_return_from_slot(frames.from(0x1010), 5, "at add rsp");
  expect_return_from_slot(frames.from(0x1014), 0, "at the jump");
}

TEST(X64Step, AJumpOutOfAFrameThatStandsIsOfTheBody) {
  Frames frames = with_code({0xe9, 0xeb, 0x00, 0x00, 0x00});  // to 1100h
  expect_return_from_slot(frames.from(0x1010), 5);
}

TEST(X64Step, AJumpToAnotherPartOfTheFunctionIsOfTheBody) {
  Frames frames = with_code({0x5b, 0xe9, 0xea, 0x01, 0x00, 0x00});  // to 1200h
  expect_return_from_slot(frames.from(0x1011), 5);
}

TEST(X64Step, AJumpWithinTheFunctionIsOfTheBody) {
  Frames frames = with_code({0xeb, 0x10, 0x90});
  expect_return_from_slot(frames.from(0x1010), 5);
}

TEST(X64Step, AJumpToTheFunctionsStartIsACallOfItself) {
  Frames frames = with_code({0x48, 0x83, 0xc4, 0x28, 0xeb, 0xea});  // to 1000h
  expect_return_from_slot(frames.from(0x1014), 0);
}

TEST(X64Step, AnEpilogueMayGoOnBehindAJump) {
  Frames frames = with_code({0x5b, 0xeb, 0x01, 0x90, 0x5d, 0xc3});
  expect_return_from_slot(frames.from(0x1010), 2);
}

TEST(X64Step, ASwitchesJumpIsOfTheBodyAndAMarkedOneIsNot) {
  Frames frames = with_code({0xff, 0xe1, 0x90, 0x90, 0x48, 0xff, 0xe0});
  expect_return_from_slot(frames.from(0x1010), 5, "jmp rcx");
  expect_return_from_slot(frames.from(0x1014), 0, "rex.W jmp rax");
}

TEST(X64Step, AnUnmarkedJumpBehindAReleaseEndsAnEpilogue) {
  Frames frames = with_code({0x48, 0x83, 0xc4, 0x28, 0xff, 0xe0});  // add rsp, 28h; jmp rax
  expect_return_from_slot(frames.from(0x1014), 0);
}

TEST(X64Step, BytesThatOnlyLookLikeAReleaseAreNone) {
  Frames frames = with_code({0x48, 0x03, 0x43, 0x58, 0xff, 0xe0});  // add rax, [rbx+58h]; jmp rax
  expect_return_from_slot(frames.from(0x1014), 5);
}

TEST(X64Step, ReturnsMayRemoveArguments) {
  Frames frames = with_code({0xc2, 0x10, 0x00});
  const auto found = frames.from(0x1010);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.rip, 0x5000u);
  EXPECT_EQ(found->caller.gpr[rsp], kStack + 8 + 0x10);
}

TEST(X64Step, WithoutCodeBytesVersion1HasNoEpilogues) {
  Frames frames = plain_function();
  frames.build(false);
  expect_return_from_slot(frames.from(0x1012), 7);
}

// Version 2 as clang writes it: push rsi; push r14; sub rsp, 20h; an epilogue of 4 bytes at the
// end, and another one 10h before the end.
Frames version_2() {
  Frames frames;
  frames.function(
      0x1000, 0x1020,
      frames.info(2, 7, 0, {0x04, 0x16, 0x10, 0x06, 0x07, 0x32, 0x03, 0xe0, 0x01, 0x60}));
  frames.code(0x1010, {0x41, 0x5e, 0x5e, 0xc3});
  frames.code(0x101c, {0x41, 0x5e, 0x5e, 0xc3});
  return frames;
}

void expect_epilogues_of_version_2(Frames& frames) {
  for (const std::uint32_t start : {0x1010u, 0x101cu}) {
    const auto whole = frames.from(start);
    expect_return_from_slot(whole, 2, "at pop r14");
    EXPECT_EQ(whole->caller.gpr[r14], 0x5000u);
    EXPECT_EQ(whole->caller.gpr[rsi], 0x5001u);
    const auto half = frames.from(start + 2);
    expect_return_from_slot(half, 1, "at pop rsi");
    EXPECT_EQ(half->caller.gpr[rsi], 0x5000u);
    EXPECT_EQ(half->caller.gpr[r14], 0xa0eu);
    expect_return_from_slot(frames.from(start + 3), 0, "at ret");
  }
  expect_return_from_slot(frames.from(0x100c), 6, "the body");
}

TEST(X64Step, Version2NamesItsEpilogues) {
  Frames frames = version_2();
  expect_epilogues_of_version_2(frames);
}

TEST(X64Step, Version2NeedsNoCodeBytes) {
  Frames frames = version_2();
  frames.build(false);
  expect_epilogues_of_version_2(frames);
}

TEST(X64Step, OutsideItsRecordsVersion2HasNoEpilogues) {
  Frames frames = version_2();
  frames.code(0x1008, {0x5e, 0xc3});
  expect_return_from_slot(frames.from(0x1008), 6);
}

TEST(X64Step, NonvolatileRegistersStayKnownAndVolatileOnesDoNot) {
  Frames frames = plain_function();
  Registers registers = frames.at(0x1008);
  registers.known = (1u << rsp) | (1u << rax) | (1u << rdi) | (1u << r8);
  const auto found = frames.from(registers);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.known, (1u << rsp) | (1u << rdi) | (1u << rbx) | (1u << r14));
}

TEST(X64Step, WithoutTheReturnAddressThereIsNoStep) {
  Frames frames = plain_function();
  EXPECT_EQ(frames.from(frames.at(0x1008, kSlots - 7)).error(), StepError::memory_missing);
  EXPECT_TRUE(frames.from(frames.at(0x1008, kSlots - 8)));
}

TEST(X64Step, ARegisterWhoseSlotIsNotThereIsNotKnown) {
  Frames frames = plain_function();
  frames.build();
  const std::uint64_t return_address = 0x1234;
  const base::SegmentSource memory(
      {{kStack + 7 * 8, base::Bytes(std::as_bytes(std::span(&return_address, 1)))}});
  const auto found = step(frames, memory, frames.at(0x1008), false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.rip, 0x1234u);
  EXPECT_EQ(found->caller.known & ((1u << rbx) | (1u << r14)), 0u);
}

TEST(X64Step, AStackThatWouldShrinkIsNoProgress) {
  Frames frames = framed_function();
  Registers registers = frames.at(0x100a, 100);
  registers.gpr[rbp] = kStack + 0x20;
  EXPECT_EQ(frames.from(registers).error(), StepError::no_progress);
}

TEST(X64Step, WhereThereIsNothingToGoByTheErrorSaysWhat) {
  Frames frames = plain_function();
  frames.build();
  Registers outside = frames.at(0);
  outside.rip = 0x1234;
  EXPECT_EQ(frames.from(outside).error(), StepError::no_module);
  frames.module().functions = {};
  EXPECT_EQ(frames.from(0x1008).error(), StepError::unwind_data_missing);
  frames.module().image = nullptr;
  EXPECT_EQ(frames.from(0x1008).error(), StepError::no_image);
  outside.rip = 0;
  EXPECT_EQ(frames.from(outside, true).error(), StepError::no_module);
}

TEST(X64Step, MalformedUnwindDataIsAnError) {
  Frames frames;
  frames.function(0x1000, 0x1010, frames.info(4, 0, 0, {}));            // version 4
  frames.function(0x1010, 0x1020, frames.info(1, 0, 0, {0x00, 0x0c}));  // an unknown operation
  frames.function(0x1020, 0x1030, frames.info(1, 0, 0, {0x00, 0x03}));  // no frame register
  frames.function(0x1030, 0x1040, frames.info(1, 0, 0, {0x00, 0x40}));  // push rsp
  frames.function(0x1040, 0x1050,
                  frames.info(1, 0, 0, {0x00, 0x0a, 0x00, 0x02}));  // behind a machine frame
  frames.function(0x1050, 0x1060, 0x00100000);                      // info that is not there
  for (std::uint32_t rva = 0x1000; rva < 0x1050; rva += 0x10)
    EXPECT_EQ(frames.from(rva + 8).error(), StepError::unwind_data_bad) << rva;
  EXPECT_EQ(frames.from(0x1058).error(), StepError::unwind_data_missing);
}

TEST(X64Step, EveryErrorIsASentence) {
  for (int i = 0; i <= static_cast<int>(StepError::no_progress); ++i) {
    const std::string_view text = text_of(static_cast<StepError>(i));
    EXPECT_GT(text.size(), 20u);
    EXPECT_NE(text.back(), '.');
  }
}

TEST(X64RuleCache, ARepeatedStepIsAHitWithTheSameAnswer) {
  Frames frames = plain_function();
  frames.build();
  RuleCache cache;
  const auto memory = frames.memory();
  for (int i = 0; i < 3; ++i) {
    const auto found = step(frames, memory, frames.at(0x1012), false, &cache);
    expect_return_from_slot(found, 2);
    EXPECT_EQ(found->caller.gpr[r14], 0x5000u);
  }
  EXPECT_EQ(cache.hits(), 2u);
  EXPECT_EQ(cache.misses(), 1u);
}

TEST(X64RuleCache, APositionAndACallSiteAreNotTheSame) {
  Frames frames = plain_function();
  frames.function(0x1020, 0x1030, frames.info(1, 1, 0, {0x01, 0x50}));
  frames.build();
  RuleCache cache;
  const auto memory = frames.memory();
  for (int i = 0; i < 2; ++i) {
    expect_return_from_slot(step(frames, memory, frames.at(0x1020), true, &cache), 7);
    expect_return_from_slot(step(frames, memory, frames.at(0x1020), false, &cache), 0);
  }
}

TEST(X64RuleCache, AnotherMapsRuleIsNotTaken) {
  Frames first = plain_function(), second = framed_function();
  first.build();
  second.build();
  RuleCache cache(1);
  EXPECT_TRUE(step(first, first.memory(), first.at(0x1005), false, &cache));
  expect_return_from_slot(step(second, second.memory(), second.at(0x1005), false, &cache), 7);
  EXPECT_EQ(cache.hits(), 0u);
  cache.forget();
  EXPECT_FALSE(cache.find(second, kBase + 0x1005, false));
}

}  // namespace
}  // namespace ntstack::unwind::x64
