#include "code/call.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::code {
namespace {

using Code = std::vector<std::uint8_t>;

std::optional<Call> before(const Code& code, Mode mode = Mode::x64) {
  return call_before(base::Bytes::of(std::span(code)), mode);
}

TEST(CallBefore, ADirectCallGivesItsTarget) {
  const auto call = before({0x90, 0x90, 0xe8, 0xfb, 0xff, 0xff, 0xff});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->kind, CallKind::direct);
  EXPECT_EQ(call->length, 5);
  EXPECT_EQ(call->target(0x1000), 0xffbu);
}

TEST(CallBefore, ACallThroughMemoryGivesWhereItsTargetIsStored) {
  const auto call = before({0xff, 0x15, 0x10, 0x00, 0x00, 0x00});
  ASSERT_TRUE(call);
  EXPECT_EQ(call->kind, CallKind::through_pointer);
  EXPECT_EQ(call->target(0x1000), 0x1010u);
}

TEST(CallBefore, EveryFormOfAnIndirectCallIsSeen) {
  const std::vector<Code> calls = {
      {0xff, 0xd0},                                      // call rax
      {0x41, 0xff, 0xd2},                                // call r10
      {0xff, 0x10},                                      // call [rax]
      {0xff, 0x50, 0x18},                                // call [rax+18h]
      {0xff, 0x14, 0x24},                                // call [rsp]
      {0xff, 0x54, 0x24, 0x20},                          // call [rsp+20h]
      {0xff, 0x90, 0x00, 0x01, 0x00, 0x00},              // call [rax+100h]
      {0xff, 0x94, 0x24, 0x00, 0x01, 0x00, 0x00},        // call [rsp+100h]
      {0x42, 0xff, 0x14, 0xc5, 0x00, 0x10, 0x00, 0x00},  // call [r8*8+1000h]
      {0xf2, 0xff, 0xd0},                                // bnd call rax
      {0x65, 0xff, 0x14, 0x25, 0x28, 0x00, 0x00, 0x00},  // call gs:[28h]
      {0x48, 0xff, 0x1d, 0x00, 0x00, 0x00, 0x00}};       // call far [rip]
  for (const Code& code : calls) {
    EXPECT_TRUE(before(code)) << int{code[0]} << ' ' << int{code[1]};
    Code later = code;
    later.push_back(0x90);
    EXPECT_FALSE(before(later)) << "one byte behind the call";
  }
}

TEST(CallBefore, JumpsPushesAndIncrementsAreNoCalls) {
  for (const Code& code : {Code{0xff, 0xe0}, Code{0xff, 0x25, 0, 0, 0, 0}, Code{0xff, 0xc0},
                           Code{0xff, 0x70, 0x08}, Code{0xe9, 0, 0, 0, 0}, Code{0xff, 0xd8}})
    EXPECT_FALSE(before(code)) << int{code[0]} << ' ' << int{code[1]};
}

TEST(CallBefore, TheNopBehindAnImportCallEndsIt) {
  const Code code = {0x48, 0xff, 0x15, 0x00, 0x01, 0x00, 0x00, 0x0f, 0x1f, 0x44, 0x00, 0x00};
  const auto call = before(code);
  ASSERT_TRUE(call);
  EXPECT_EQ(call->kind, CallKind::through_pointer);
  EXPECT_EQ(call->target(0x100c), 0x1107u);  // [RIP + 100h] of an instruction that ends at 1007h
}

TEST(CallBefore, X86HasItsFarCall) {
  EXPECT_TRUE(before({0x9a, 0, 0, 0, 0, 0x1b, 0}, Mode::x86));
  EXPECT_FALSE(before({0x9a, 0, 0, 0, 0, 0x1b, 0}, Mode::x64));
}

TEST(CallBefore, TooFewBytesAreNoCall) {
  EXPECT_FALSE(before({}));
  EXPECT_FALSE(before({0xff}));
  EXPECT_FALSE(before({0x15, 0x10, 0x00, 0x00, 0x00}));
}

}  // namespace
}  // namespace ntstack::code
