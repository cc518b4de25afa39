#include "code/instruction.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

namespace ntstack::code {
namespace {

struct Vector {
  std::vector<std::uint8_t> bytes;
  const char* text;
};

void expect_lengths(Mode mode, std::initializer_list<Vector> vectors) {
  for (const Vector& vector : vectors) {
    const auto decoded = decode(base::Bytes::of(std::span(vector.bytes)), mode);
    ASSERT_TRUE(decoded) << vector.text;
    EXPECT_EQ(decoded->length, vector.bytes.size()) << vector.text;
    const auto cut = base::Bytes::of(std::span(vector.bytes)).clamp(0, vector.bytes.size() - 1);
    EXPECT_FALSE(decode(cut, mode)) << "cut short: " << vector.text;
  }
}

TEST(Instruction, LengthsOfX64FormsAreAsTheManualsHaveThem) {
  expect_lengths(Mode::x64,
                 {{{0x90}, "nop"},
                  {{0x48, 0x83, 0xec, 0x28}, "sub rsp, 28h"},
                  {{0x48, 0x81, 0xec, 0, 1, 0, 0}, "sub rsp, 100h"},
                  {{0x66, 0x81, 0xc1, 0x34, 0x12}, "add cx, 1234h"},
                  {{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8}, "mov rax, imm64"},
                  {{0xb8, 1, 2, 3, 4}, "mov eax, imm32"},
                  {{0x66, 0xb8, 1, 2}, "mov ax, imm16"},
                  {{0x48, 0xa1, 1, 2, 3, 4, 5, 6, 7, 8}, "mov rax, [moffs64]"},
                  {{0x67, 0xa1, 1, 2, 3, 4}, "mov eax, [moffs32]"},
                  {{0xff, 0x15, 1, 2, 3, 4}, "call [rip+n]"},
                  {{0x41, 0xff, 0x54, 0x24, 0x08}, "call [r12+8]"},
                  {{0xff, 0x94, 0xc8, 1, 2, 3, 4}, "call [rax+rcx*8+n]"},
                  {{0xff, 0x14, 0xc5, 1, 2, 3, 4}, "call [rax*8+n]"},
                  {{0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0}, "nop word [rax+rax+0]"},
                  {{0xf6, 0x05, 1, 2, 3, 4, 0x80}, "test byte [rip+n], 80h"},
                  {{0xf6, 0xd8}, "neg al"},
                  {{0xf7, 0xc1, 1, 2, 3, 4}, "test ecx, imm32"},
                  {{0x66, 0xf7, 0xc1, 1, 2}, "test cx, imm16"},
                  {{0xf7, 0xf9}, "idiv ecx"},
                  {{0xc8, 0x10, 0, 1}, "enter 10h, 1"},
                  {{0xc2, 8, 0}, "ret 8"},
                  {{0x0f, 0x84, 1, 2, 3, 4}, "je rel32"},
                  {{0x0f, 0x38, 0x00, 0xc1}, "pshufb mm0, mm1"},
                  {{0x66, 0x0f, 0x3a, 0x0f, 0xc1, 4}, "palignr xmm0, xmm1, 4"},
                  {{0xc5, 0xf8, 0x77}, "vzeroupper"},
                  {{0xc5, 0xf8, 0x28, 0x44, 0x24, 0x20}, "vmovaps xmm0, [rsp+20h]"},
                  {{0xc4, 0xe3, 0x7d, 0x39, 0xc1, 1}, "vextracti128 xmm1, ymm0, 1"},
                  {{0x62, 0xf1, 0x7c, 0x48, 0x28, 0x44, 0x24, 0x01}, "vmovaps zmm0, [rsp+40h]"},
                  {{0x62, 0xf3, 0x7d, 0x48, 0x25, 0xc0, 0xff}, "vpternlogd zmm0, zmm0, zmm0, 0ffh"},
                  {{0x0f, 0x20, 0xc0}, "mov rax, cr0"},
                  {{0x66, 0x0f, 0x78, 0xc1, 1, 2}, "extrq xmm1, 1, 2"},
                  {{0x8f, 0xe8, 0x78, 0xc0, 0xc1, 4}, "vprotb xmm0, xmm1, 4"}});
}

TEST(Instruction, LengthsOfX86FormsAreAsTheManualsHaveThem) {
  expect_lengths(Mode::x86, {{{0x40}, "inc eax"},
                             {{0x8b, 0xff}, "mov edi, edi"},
                             {{0x67, 0x8b, 0x46, 0x08}, "mov eax, [bp+8]"},
                             {{0x67, 0x8b, 0x06, 1, 2}, "mov eax, [102h]"},
                             {{0x9a, 1, 2, 3, 4, 5, 6}, "call far"},
                             {{0xc4, 0x08}, "les ecx, [eax]"},
                             {{0xc5, 0xf8, 0x77}, "vzeroupper"},
                             {{0x62, 0x08}, "bound ecx, [eax]"},
                             {{0x66, 0xe8, 1, 2}, "call rel16"},
                             {{0xa1, 1, 2, 3, 4}, "mov eax, [moffs32]"},
                             {{0xd5, 0x0a}, "aad"},
                             {{0x82, 0xc0, 1}, "add al, 1"}});
}

TEST(Instruction, WhatIsInvalidInX64IsNoInstruction) {
  for (const std::uint8_t opcode : {0x06, 0x27, 0x60, 0x9a, 0xce, 0xd4, 0xea}) {
    const std::vector<std::uint8_t> bytes = {opcode, 0, 0, 0, 0, 0, 0, 0};
    EXPECT_FALSE(decode(base::Bytes::of(std::span(bytes)), Mode::x64)) << int{opcode};
    EXPECT_TRUE(decode(base::Bytes::of(std::span(bytes)), Mode::x86)) << int{opcode};
  }
}

TEST(Instruction, MoreThanFifteenBytesAreNoInstruction) {
  std::vector<std::uint8_t> bytes(14, 0x66);
  bytes.push_back(0x90);
  EXPECT_TRUE(decode(base::Bytes::of(std::span(bytes)), Mode::x64));
  bytes.insert(bytes.begin(), 0x66);
  EXPECT_FALSE(decode(base::Bytes::of(std::span(bytes)), Mode::x64));
  const std::vector<std::uint8_t> prefixes(64, 0x66);
  EXPECT_FALSE(decode(base::Bytes::of(std::span(prefixes)), Mode::x64));
}

TEST(Instruction, FieldsOfMemoryOperandsAndImmediatesAreSignExtended) {
  const std::vector<std::uint8_t> bytes = {0x48, 0x8d, 0x65, 0xf0};  // lea rsp, [rbp-10h]
  const auto lea = decode(base::Bytes::of(std::span(bytes)), Mode::x64);
  ASSERT_TRUE(lea);
  EXPECT_TRUE(lea->is(Map::one_byte, 0x8d));
  EXPECT_EQ(lea->reg(), 4);
  EXPECT_EQ(lea->rm(), 5);
  EXPECT_EQ(lea->displacement, -16);
  const std::vector<std::uint8_t> jump = {0xeb, 0xfe};
  EXPECT_EQ(decode(base::Bytes::of(std::span(jump)), Mode::x64)->immediate, -2);
}

}  // namespace
}  // namespace ntstack::code
