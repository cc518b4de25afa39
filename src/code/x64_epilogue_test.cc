// The truth here is Microsoft's "x64 prolog and epilog": which instructions an epilogue consists
// of.
#include "code/x64_epilogue.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::code {
namespace {

using Code = std::vector<std::uint8_t>;
constexpr std::uint8_t kNone = 0, kRbp = 5, kR12 = 12, kR13 = 13;

std::optional<Epilogue> at(const Code& code, std::uint8_t frame_register = kNone) {
  return epilogue_at(base::Bytes::of(std::span(code)), frame_register);
}

TEST(X64Epilogue, AddPopsAndReturnAreTakenInOrder) {
  // add rsp, 28h; pop r14; pop rdi; pop rbp; ret
  const auto epilogue = at({0x48, 0x83, 0xc4, 0x28, 0x41, 0x5e, 0x5f, 0x5d, 0xc3});
  ASSERT_TRUE(epilogue);
  EXPECT_EQ(epilogue->adjust, 0x28);
  EXPECT_FALSE(epilogue->base);
  ASSERT_EQ(epilogue->pop_count, 3);
  EXPECT_EQ(epilogue->pops[0], 14);
  EXPECT_EQ(epilogue->pops[1], 7);
  EXPECT_EQ(epilogue->pops[2], 5);
}

TEST(X64Epilogue, ALargeAddIsARelease) {
  EXPECT_EQ(at({0x48, 0x81, 0xc4, 0x00, 0x10, 0x00, 0x00, 0xc3})->adjust, 0x1000);
}

TEST(X64Epilogue, AnotherRegistersLeaReleasesNothing) {
  EXPECT_FALSE(at({0x48, 0x8d, 0x65, 0x10, 0xc3}, kR12));
  EXPECT_FALSE(at({0x48, 0x8d, 0x6c, 0x24, 0x10, 0xc3}, kRbp));  // lea rbp, [rsp+10h]
}

TEST(X64Epilogue, SubtractingANegativeAmountIsARelease) {
  EXPECT_EQ(at({0x48, 0x83, 0xec, 0x80, 0x5b, 0xc3})->adjust, 0x80);
}

TEST(X64Epilogue, LeaCountsFromTheFrameRegisterAndNoOther) {
  const auto epilogue = at({0x48, 0x8d, 0x65, 0x10, 0x5d, 0xc3}, kRbp);  // lea rsp, [rbp+10h]
  ASSERT_TRUE(epilogue);
  EXPECT_EQ(epilogue->base, kRbp);
  EXPECT_EQ(epilogue->adjust, 0x10);
  EXPECT_FALSE(at({0x48, 0x8d, 0x65, 0x10, 0x5d, 0xc3}, kNone));
  EXPECT_FALSE(at({0x48, 0x8d, 0x65, 0x10, 0x5d, 0xc3}, kR13));
  EXPECT_TRUE(at({0x49, 0x8d, 0x65, 0x10, 0x5d, 0xc3}, kR13));              // [r13+10h]
  EXPECT_TRUE(at({0x49, 0x8d, 0x64, 0x24, 0x10, 0x5d, 0xc3}, kR12));        // [r12+10h]
  EXPECT_TRUE(at({0x48, 0x8d, 0xa5, 0x00, 0x01, 0x00, 0x00, 0xc3}, kRbp));  // [rbp+100h]
  EXPECT_FALSE(at({0x48, 0x8d, 0x64, 0x24, 0x10, 0xc3}, kRbp));             // [rsp+10h]
}

TEST(X64Epilogue, EveryReturnEndsOne) {
  EXPECT_TRUE(at({0xc3}));
  EXPECT_TRUE(at({0xf3, 0xc3}));
  EXPECT_TRUE(at({0xf2, 0xc3}));
  const auto arguments = at({0x5b, 0xc2, 0x10, 0x00});
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->argument_bytes, 0x10);
}

TEST(X64Epilogue, DirectJumpsGiveTheirTarget) {
  const auto after_pop = at({0x5b, 0xe9, 0x00, 0x01, 0x00, 0x00});
  ASSERT_TRUE(after_pop);
  EXPECT_EQ(after_pop->jump, 0x106);
  EXPECT_FALSE(after_pop->bare_jump);
  const auto bare = at({0xeb, 0x10});
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->jump, 0x12);
  EXPECT_TRUE(bare->bare_jump);
}

TEST(X64Epilogue, IndirectJumpsThatMayBeASwitchesAreBare) {
  for (const Code& code : {Code{0xff, 0x25, 0, 0, 0, 0},                 // jmp [rip]
                           Code{0x48, 0xff, 0x25, 0, 0, 0, 0},           // rex.W jmp [rip]
                           Code{0x48, 0xff, 0xe0},                       // rex.W jmp rax
                           Code{0x48, 0xff, 0x20},                       // rex.W jmp [rax]
                           Code{0x48, 0x83, 0xc4, 0x28, 0xff, 0xe0}}) {  // after a release
    ASSERT_TRUE(at(code));
    EXPECT_FALSE(at(code)->bare_jump);
  }
  for (const Code& code : {Code{0xff, 0xe1}, Code{0x3e, 0xff, 0xe1},  // jmp rcx
                           Code{0xff, 0x24, 0xc5, 0, 0, 0, 0}}) {     // jmp [rax*8]
    ASSERT_TRUE(at(code));
    EXPECT_TRUE(at(code)->bare_jump);
  }
}

TEST(X64Epilogue, OtherInstructionsAreNone) {
  EXPECT_FALSE(at({}));
  EXPECT_FALSE(at({0x90, 0xc3}));                          // nop; ret: nop is body
  EXPECT_FALSE(at({0x5b, 0x90, 0xc3}));                    // pop; nop; ret
  EXPECT_FALSE(at({0x66, 0x5b, 0xc3}));                    // pop bx
  EXPECT_FALSE(at({0x5c, 0xc3}));                          // pop rsp
  EXPECT_FALSE(at({0x83, 0xc4, 0x28, 0xc3}));              // add esp, 28h
  EXPECT_FALSE(at({0x48, 0x83, 0xec, 0x28, 0xc3}));        // sub rsp, 28h
  EXPECT_FALSE(at({0x5b, 0x48, 0x83, 0xc4, 0x28, 0xc3}));  // pop, then add
  EXPECT_FALSE(at({0x5b, 0x5f}));                          // the bytes end
  EXPECT_FALSE(at({0xff, 0x15, 0, 0, 0, 0}));              // call [rip]
  EXPECT_FALSE(at(Code(48, 0x58)));                        // pops without an end
}

TEST(X64Epilogue, WhatReleasesAFrameIsSeenFromBehind) {
  const std::vector<Code> releases = {{0x5b},
                                      {0x41, 0x5f},
                                      {0x48, 0x83, 0xc4, 0x28},
                                      {0x48, 0x81, 0xc4, 0, 1, 0, 0},
                                      {0x48, 0x8d, 0x65, 0x00},
                                      {0x49, 0x8d, 0x64, 0x24, 0x10},
                                      {0x48, 0x8d, 0xa5, 0, 1, 0, 0},
                                      {0x49, 0x8d, 0xa4, 0x24, 0, 1, 0, 0},
                                      {0x48, 0x8d, 0x66, 0x00},
                                      {0x48, 0x89, 0xec},
                                      {0x48, 0x8b, 0xe5},
                                      {0xc9}};
  for (const Code& code : releases)
    EXPECT_TRUE(released_before(base::Bytes::of(std::span(code)))) << int{code[0]};
  for (const Code& code : {Code{}, Code{0xe8, 0, 0, 0, 0}, Code{0x48, 0x83, 0xec, 0x28},
                           Code{0x48, 0x8b, 0xc1}, Code{0x90}})
    EXPECT_FALSE(released_before(base::Bytes::of(std::span(code))));
}

}  // namespace
}  // namespace ntstack::code
