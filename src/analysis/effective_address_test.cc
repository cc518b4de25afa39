// Addresses of operands, computed by hand; instructions encoded by llvm-mc.
#include "analysis/effective_address.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace ntstack::analysis {
namespace {

using base::Architecture;

code::Disassembled decoded(Architecture architecture, std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(std::byte(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return code::Disassembler(architecture).at(base::Bytes(std::span(bytes)), 0x401000);
}

// Each register holds its own number, far enough from the others.
stacks::Registers x64() {
  unwind::x64::Registers registers;
  for (std::uint64_t i = 0; i < 16; ++i) registers.gpr[i] = 0xfffff80000000000 + (i << 16);
  registers.gpr[2] = 3;  // rdx, as an index
  registers.known = 0xffff;
  return registers;
}
stacks::Registers x86() {
  unwind::x86::Registers registers;
  for (std::uint32_t i = 0; i < 8; ++i) registers.gpr[i] = 0x80000000 + (i << 16);
  registers.gpr[1] = 5;  // ecx, as an index
  registers.known = 0xff;
  return registers;
}
stacks::Registers arm64() {
  unwind::arm64::Registers registers;
  for (std::uint64_t i = 0; i < 31; ++i) registers.x[i] = 0xffff800000000000 + (i << 16);
  registers.x[2] = 0x1fffffffe;  // as a word: -2
  registers.sp = 0xffff900000000000;
  registers.known = 0x7fffffff;
  return registers;
}

std::string shown(Architecture architecture, std::string_view hex,
                  const stacks::Registers& registers) {
  std::string out;
  for (const EffectiveAddress& each : effective_addresses(decoded(architecture, hex), registers))
    out += fmt::format("{}{}s:{:x} {}", out.empty() ? "" : ", ", each.segment, each.address,
                       each.size);
  return out;
}

class EffectiveAddresses : public testing::Test {
 protected:
  void SetUp() override {
    if (!code::can_disassemble()) GTEST_SKIP() << "built without Capstone";
  }
};

TEST_F(EffectiveAddresses, OfX64AreThoseOfTheEncodedForms) {
  const auto of = [](std::string_view hex) { return shown(Architecture::x64, hex, x64()); };
  EXPECT_EQ(of("488364242800"), "ss:fffff80000040028 8");  // seed 4's: [rsp+28h]
  EXPECT_EQ(of("488b44d1f0"), "ds:fffff80000010008 8");    // [rcx+rdx*8-10h]
  EXPECT_EQ(of("8b0500010000"), "ds:401106 4");            // [rip+100h]
  EXPECT_EQ(of("668b4500"), "ss:fffff80000050000 2");      // [rbp]
  EXPECT_EQ(of("438a442500"), "ds:fffff00000190000 1");    // [r13+r12]
  EXPECT_EQ(of("65488b042588010000"), "gs:188 8");
  EXPECT_EQ(of("0f1007"), "ds:fffff80000070000 16");   // movups [rdi]
  EXPECT_EQ(of("678b0411"), "ds:10003 4");             // [ecx+edx]
  EXPECT_EQ(of("ff5010"), "ds:fffff80000000010 8");    // call [rax+10h]
  EXPECT_EQ(of("ff742408"), "ss:fffff80000040008 8");  // push [rsp+8]
  EXPECT_EQ(of("8f442408"), "ss:fffff80000040010 8");  // pop: RSP is that behind it
  EXPECT_EQ(of("f348a5"), "es:fffff80000070000 8, ds:fffff80000060000 8");  // rep movs
}

TEST_F(EffectiveAddresses, OfX86HaveThirtyTwoBits) {
  const auto of = [](std::string_view hex) { return shown(Architecture::x86, hex, x86()); };
  EXPECT_EQ(of("8b45f8"), "ss:8004fff8 4");  // [ebp-8]
  EXPECT_EQ(of("64a124010000"), "fs:124 4");
  EXPECT_EQ(of("8b048d00105080"), "ds:80501014 4");  // [ecx*4+80501000h]
  EXPECT_EQ(of("8806"), "ds:80060000 1");            // [esi]
  EXPECT_EQ(of("a134125580"), "ds:80551234 4");
}

TEST_F(EffectiveAddresses, OfArm64AreBeforeAndBehindTheChangeOfTheBase) {
  const auto of = [](std::string_view hex) { return shown(Architecture::arm64, hex, arm64()); };
  EXPECT_EQ(of("200440f9"), "ds:ffff800000010008 8");   // ldr x0,[x1,#8]
  EXPECT_EQ(of("e00f5fb8"), "ds:ffff8ffffffffff0 4");   // ldr w0,[sp,#-16]!
  EXPECT_EQ(of("208440f8"), "ds:ffff800000010000 8");   // ldr x0,[x1],#8
  EXPECT_EQ(of("20686238"), "ds:ffff80020000fffe 1");   // ldrb w0,[x1,x2]
  EXPECT_EQ(of("207862f8"), "ds:ffff80100000fff0 8");   // ldr x0,[x1,x2,lsl #3]
  EXPECT_EQ(of("23d862b8"), "ds:ffff80000000fff8 4");   // ldr w3,[x1,w2,sxtw #2]
  EXPECT_EQ(of("234862f8"), "ds:ffff80010000fffe 8");   // ldr x3,[x1,w2,uxtw]
  EXPECT_EQ(of("fd7b42a9"), "ds:ffff900000000020 8");   // ldp fp,lr,[sp,#0x20]
  EXPECT_EQ(of("200080b9"), "ds:ffff800000010000 4");   // ldrsw x0,[x1]
  EXPECT_EQ(of("2004803d"), "ds:ffff800000010010 16");  // str q0,[x1,#16]
  EXPECT_EQ(of("207c05c8"), "ds:ffff800000010000 8");   // stxr w5,x0,[x1]
  EXPECT_EQ(of("20044079"), "ds:ffff800000010002 2");   // ldrh w0,[x1,#2]
}

TEST_F(EffectiveAddresses, WhatIsNotAccessedOrNotKnownHasNone) {
  EXPECT_EQ(shown(Architecture::x64, "488d4108", x64()), "");  // lea
  EXPECT_EQ(shown(Architecture::x64, "0f1f00", x64()), "");    // nop [rax]
  unwind::x64::Registers few;
  few.gpr[4] = 0x1000;
  EXPECT_EQ(shown(Architecture::x64, "488b4108", few), "");               // [rcx+8]
  EXPECT_EQ(shown(Architecture::x64, "488364242800", few), "ss:1028 8");  // RSP always is
}

TEST_F(EffectiveAddresses, BranchesAreTakenByTheirFlags) {
  constexpr std::uint32_t carry = 1, zero = 0x40, sign = 0x80, overflow = 0x800;
  const auto taken = [](std::string_view hex, std::uint32_t flags) {
    return is_taken(decoded(Architecture::x64, hex), flags, x64());
  };
  EXPECT_EQ(taken("7410", zero), true);             // je
  EXPECT_EQ(taken("7510", zero), false);            // jne
  EXPECT_EQ(taken("7210", carry), true);            // jb
  EXPECT_EQ(taken("7610", zero), true);             // jbe
  EXPECT_EQ(taken("7710", carry), false);           // ja
  EXPECT_EQ(taken("7c10", sign), true);             // jl
  EXPECT_EQ(taken("7d10", sign | overflow), true);  // jge
  EXPECT_EQ(taken("7f10", 0), true);                // jg
  EXPECT_EQ(taken("eb10", 0), std::nullopt);        // jmp
  const auto arm = [](std::string_view hex, std::uint32_t flags) {
    return is_taken(decoded(Architecture::arm64, hex), flags, arm64());
  };
  EXPECT_EQ(arm("40000054", 0x40000000), true);   // b.eq
  EXPECT_EQ(arm("41000054", 0x40000000), false);  // b.ne
  EXPECT_EQ(arm("4c000054", 0), true);            // b.gt
}

}  // namespace
}  // namespace ntstack::analysis
