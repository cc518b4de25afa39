#include "code/prologue.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ntstack::code {
namespace {

using Code = std::vector<std::uint8_t>;

Prologue x86(const Code& code, const HelperAt& helper = {}) {
  return prologue_of(base::Bytes::of(std::span(code)), Mode::x86, helper);
}
Prologue x64(const Code& code) { return prologue_of(base::Bytes::of(std::span(code)), Mode::x64); }
Prologue arm64(const std::vector<std::uint32_t>& words) {
  return prologue_of_arm64(base::Bytes(std::as_bytes(std::span(words))));
}
std::vector<std::string> texts_of(const Prologue& prologue) {
  std::vector<std::string> texts;
  for (const StackTaken& each : prologue.taken) texts.push_back(each.text);
  return texts;
}
using Texts = std::vector<std::string>;

// The third seed's function, as its author disassembled it: 708 bytes of frame, 656 by one
// instruction.
TEST(Prologue, AnAdditionOfANegativeNumberTakesStack) {
  const Prologue found =
      x86({0x55, 0x8b, 0xec, 0x6a, 0xff, 0x68, 0x40, 0xe2, 0xd9, 0xb8, 0x68, 0x08, 0xb2,
           0xd9, 0xb8, 0x64, 0xa1, 0,    0,    0,    0,    0x50, 0x64, 0x89, 0x25, 0,
           0,    0,    0,    0x81, 0xc4, 0x70, 0xfd, 0xff, 0xff, 0x53, 0x56, 0x57, 0xc3});
  EXPECT_EQ(texts_of(found),
            (Texts{"push ebp", "push 0FFFFFFFFh", "push 0B8D9E240h", "push 0B8D9B208h", "push eax",
                   "add esp,0FFFFFD70h", "push ebx", "push esi", "push edi"}));
  EXPECT_EQ(found.taken[5].bytes, 656u);
  EXPECT_EQ(found.taken[5].taking, Taking::allocates);
  EXPECT_EQ(found.bytes(), 656u + 8 * 4);
}

TEST(Prologue, ArgumentsOfTheFirstCallAreNotTheFrames) {
  // push ebp; mov ebp, esp; sub esp, 10h; push esi; push 1; push eax; call
  const Prologue found =
      x86({0x55, 0x8b, 0xec, 0x83, 0xec, 0x10, 0x56, 0x6a, 0x01, 0x50, 0xe8, 0, 0, 0, 0, 0x57});
  EXPECT_EQ(texts_of(found), (Texts{"push ebp", "sub esp,10h", "push esi"}));
  EXPECT_EQ(found.bytes(), 24u);
}

TEST(Prologue, APushOfEcxBehindTheFramePointerIsALocal) {
  const Prologue found = x86({0x55, 0x8b, 0xec, 0x51, 0x51, 0x50, 0xe8, 0, 0, 0, 0});
  EXPECT_EQ(texts_of(found), (Texts{"push ebp", "push ecx", "push ecx"}));
}

TEST(Prologue, AConstantThatGoesThroughTheStackTakesNothing) {
  const Prologue found = x86({0x55, 0x6a, 0x01, 0x58, 0x57, 0xc3});
  EXPECT_EQ(texts_of(found), (Texts{"push ebp", "push edi"}));
}

TEST(Prologue, AProbeTakesWhatItWasTold) {
  // push ebp; mov ebp, esp; mov eax, 1234h; call +0x100; push ebx
  const Code code = {0x55, 0x8b, 0xec, 0xb8, 0x34, 0x12, 0, 0, 0xe8, 0, 1, 0, 0, 0x53, 0xc3};
  const Prologue found = x86(code, [](std::int64_t distance) {
    return distance == 0x10d ? Helper::lowers_by_eax : Helper::none;
  });
  EXPECT_EQ(texts_of(found), (Texts{"push ebp", "call __chkstk with eax=1234h", "push ebx"}));
  EXPECT_EQ(found.bytes(), 0x1234u + 8);
  EXPECT_EQ(texts_of(x86(code)), Texts{"push ebp"});  // any other call ends it
}

TEST(Prologue, AFrameHelperTakesWhatWasPushed) {
  const Code code = {0x6a, 0x60, 0x68, 0x78, 0x56, 0x34, 0x12, 0xe8, 0, 1, 0, 0, 0x53};
  const Prologue found = x86(code, [](std::int64_t) { return Helper::sets_frame; });
  EXPECT_EQ(texts_of(found),
            (Texts{"push 60h", "push 12345678h", "call __SEH_prolog behind push 60h"}));
  EXPECT_EQ(found.bytes(), 0x60u + 8);
}

TEST(Prologue, AnAlignmentIsSaidAndCountsNothing) {
  const Prologue found = x86({0x55, 0x8b, 0xec, 0x83, 0xe4, 0xf8, 0x83, 0xec, 0x08, 0xc3});
  EXPECT_EQ(texts_of(found), (Texts{"push ebp", "and esp,0FFFFFFF8h", "sub esp,8"}));
  EXPECT_TRUE(found.aligns);
  EXPECT_EQ(found.bytes(), 12u);
}

TEST(Prologue, X64SavesAllocatesAndProbes) {
  EXPECT_EQ(texts_of(x64({0x48, 0x89, 0x5c, 0x24, 0x08, 0x57, 0x41, 0x56, 0x48, 0x81,
                          0xec, 0x90, 0x02, 0,    0,    0xe8, 0,    0,    0,    0})),
            (Texts{"push rdi", "push r14", "sub rsp,290h"}));
  const Prologue probed = x64({0x55, 0xb8, 0x00, 0x20, 0, 0, 0xe8, 0, 1, 0, 0, 0x48, 0x2b, 0xe0});
  EXPECT_EQ(texts_of(probed), (Texts{"push rbp", "sub rsp,rax with rax=2000h"}));
  EXPECT_EQ(probed.taken[1].taking, Taking::probes);
  EXPECT_EQ(texts_of(x64({0x48, 0x8d, 0x64, 0x24, 0x80, 0xc3})), Texts{"lea rsp,[rsp-80h]"});
  EXPECT_EQ(texts_of(x64({0x48, 0x83, 0xec, 0x28, 0x48, 0x83, 0xc4, 0x28, 0x57})),
            Texts{"sub rsp,28h"});  // released: what follows is not its prologue
}

TEST(Prologue, Arm64StoresWithWriteBackAndAllocates) {
  // stp fp, lr, [sp, #-0x20]!; mov fp, sp; sub sp, sp, #0x40; stp d8, d9, [sp, #-0x10]!; ret
  const Prologue found =
      arm64({0xa9be7bfd, 0x910003fd, 0xd10103ff, 0x6dbf27e8, 0xf81f0ff3, 0xd65f03c0, 0xd10103ff});
  EXPECT_EQ(texts_of(found), (Texts{"stp fp,lr,[sp,#-0x20]!", "sub sp,sp,#0x40",
                                    "stp d8,d9,[sp,#-0x10]!", "str x19,[sp,#-0x10]!"}));
  EXPECT_EQ(found.bytes(), 0x80u);
  // sub sp, sp, #1, lsl #12
  EXPECT_EQ(arm64({0xd14007ff}).bytes(), 0x1000u);
  // mov x15, #0x200; bl; sub sp, sp, x15, lsl #4
  const Prologue probed = arm64({0xd280400f, 0x94000040, 0xcb2f73ff});
  EXPECT_EQ(probed.bytes(), 0x2000u);
  ASSERT_EQ(probed.taken.size(), 1u);
  EXPECT_EQ(probed.taken[0].taking, Taking::probes);
}

TEST(Prologue, AnyBytesGiveAnAnswer) {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    Code code(random() % 64);
    for (auto& each : code) each = static_cast<std::uint8_t>(random());
    for (const Prologue& found :
         {x86(code, [](std::int64_t d) { return static_cast<Helper>(d & 1); }), x64(code),
          prologue_of_arm64(base::Bytes::of(std::span(code)))}) {
      EXPECT_LE(found.size, code.size());
      EXPECT_LE(found.bytes(), found.taken.size() << 32);
    }
  }
}

}  // namespace
}  // namespace ntstack::code
