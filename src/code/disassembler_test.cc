// Instructions in WinDbg's notation. Texts of seed 3 and of public WinDbg listings; the rest of the
// truth is LLVM's, in tests/oracle_disassembly.
#include "code/disassembler.h"

#include <gtest/gtest.h>

#include <random>

#include "code/arm64_pointer_auth.h"

namespace ntstack::code {
namespace {

using base::Architecture;

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(std::byte(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

Disassembled decoded(Architecture architecture, std::string_view hex, std::uint64_t at) {
  const auto bytes = bytes_of(hex);
  return Disassembler(architecture).at(base::Bytes(std::span(bytes)), at);
}

std::string text(Architecture architecture, std::string_view hex, std::uint64_t at = 0xb958ecd9) {
  const Disassembled found = decoded(architecture, hex, at);
  return found.operands.empty() ? found.mnemonic : found.mnemonic + " " + found.operands;
}

class Disassembly : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_disassemble()) GTEST_SKIP() << "built without Capstone";
  }
};

TEST_F(Disassembly, ShowsTheInstructionsOfSeed3AsItsAuthorSawThem) {
  const auto x86 = [](std::string_view hex) { return text(Architecture::x86, hex); };
  EXPECT_EQ(x86("55"), "push ebp");
  EXPECT_EQ(x86("8bec"), "mov ebp,esp");
  EXPECT_EQ(x86("6aff"), "push 0FFFFFFFFh");
  EXPECT_EQ(x86("64a100000000"), "mov eax,dword ptr fs:[00000000h]");
  EXPECT_EQ(x86("64892500000000"), "mov dword ptr fs:[0],esp");
  EXPECT_EQ(x86("81c470fdffff"), "add esp,0FFFFFD70h");
  EXPECT_EQ(x86("81ec90020000"), "sub esp,290h");
  EXPECT_EQ(x86("ff15906059b9"), "call dword ptr [b9596090]");
}

TEST_F(Disassembly, WritesNumbersAndMemoryAsMasmDoes) {
  const auto x86 = [](std::string_view hex) { return text(Architecture::x86, hex); };
  EXPECT_EQ(x86("8945fc"), "mov dword ptr [ebp-4],eax");
  EXPECT_EQ(x86("8d8424c8000000"), "lea eax,[esp+0C8h]");
  EXPECT_EQ(x86("83f8ff"), "cmp eax,0FFFFFFFFh");
  EXPECT_EQ(x86("c21400"), "ret 14h");
  EXPECT_EQ(x86("cc"), "int 3");
  EXPECT_EQ(x86("f3a5"), "rep movs dword ptr es:[edi],dword ptr [esi]");
  EXPECT_EQ(x86("ab"), "stos dword ptr es:[edi],eax");
  EXPECT_EQ(x86("ff2485906059b9"), "jmp dword ptr [eax*4+0B9596090h]");
  EXPECT_EQ(x86("f00fc111"), "lock xadd dword ptr [ecx],edx");
  const auto x64 = [](std::string_view hex) {
    return text(Architecture::x64, hex, 0xfffff80412345000);
  };
  EXPECT_EQ(x64("4883ec28"), "sub rsp,28h");
  EXPECT_EQ(x64("4881c480feffff"), "add rsp,0FFFFFFFFFFFFFE80h");
  EXPECT_EQ(x64("65488b042588010000"), "mov rax,qword ptr gs:[188h]");
  EXPECT_EQ(x64("f20f10442410"), "movsd xmm0,qword ptr [rsp+10h]");
  EXPECT_EQ(x64("48b81122334455667788"), "mov rax,8877665544332211h");
}

TEST_F(Disassembly, TellsWhereAnInstructionLeadsAndWhatItReads) {
  const Disassembled call = decoded(Architecture::x64, "ff1500100000", 0xfffff80412345000);
  EXPECT_EQ(call.flow, Flow::call);
  EXPECT_EQ(call.slot, 0xfffff80412346006);
  EXPECT_EQ(call.operands, "qword ptr [fffff804`12346006]");
  ASSERT_EQ(call.addresses.size(), 1u);
  EXPECT_EQ(call.operands.substr(call.addresses[0].begin, call.addresses[0].size),
            "fffff804`12346006");
  const Disassembled branch = decoded(Architecture::x86, "750a", 0xb958ecd0);
  EXPECT_EQ(branch.flow, Flow::conditional);
  EXPECT_EQ(branch.target, 0xb958ecdc);
  EXPECT_TRUE(branch.falls_through());
  const Disassembled jump = decoded(Architecture::x64, "ffe0", 0x1000);
  EXPECT_EQ(jump.target_register, RegisterNumber{0});
  EXPECT_FALSE(jump.falls_through());
  EXPECT_FALSE(decoded(Architecture::x64, "cd29", 0x1000).falls_through()) << "__fastfail";
  const Disassembled lea = decoded(Architecture::x64, "488d0d10000000", 0x1000);
  EXPECT_FALSE(lea.slot) << "nothing is read";
  ASSERT_TRUE(lea.leaves);
  EXPECT_EQ(lea.leaves->value, 0x1017u);
}

TEST_F(Disassembly, TellsCopiesAndStoresOfWholeRegisters) {
  const Disassembled copy = decoded(Architecture::x64, "4889ce", 0x1000);  // mov rsi,rcx
  ASSERT_TRUE(copy.leaves);
  EXPECT_EQ(copy.leaves->kind, Leaves::copied);
  EXPECT_EQ(copy.leaves->destination, RegisterNumber{6});
  EXPECT_EQ(copy.leaves->base, RegisterNumber{1});
  EXPECT_FALSE(decoded(Architecture::x64, "89ce", 0x1000).leaves) << "mov esi,ecx: half of it";
  EXPECT_EQ(decoded(Architecture::x64, "48894c2408", 0x1000).stored, RegisterNumber{1});
  EXPECT_FALSE(decoded(Architecture::x64, "894c2408", 0x1000).stored) << "half of it";
  const Disassembled moved = decoded(Architecture::arm64, "f30300aa", 0x1000);  // mov x19,x0
  ASSERT_TRUE(moved.leaves);
  EXPECT_EQ(moved.leaves->kind, Leaves::copied);
  EXPECT_EQ(moved.leaves->destination, RegisterNumber{19});
  EXPECT_EQ(decoded(Architecture::arm64, "e00700f9", 0x1000).stored, RegisterNumber{0});
}

TEST_F(Disassembly, ShowsARM64AsWinDbgDoes) {
  const auto arm64 = [](std::string_view hex) {
    return text(Architecture::arm64, hex, 0xfffff80412345000);
  };
  EXPECT_EQ(arm64("fd7bbea9"), "stp fp,lr,[sp,#-0x20]!");
  EXPECT_EQ(arm64("fd030091"), "mov fp,sp");
  EXPECT_EQ(arm64("00000094"), "bl fffff804`12345000");
  EXPECT_EQ(arm64("01000054"), "bne fffff804`12345000");
  EXPECT_EQ(arm64("08000090"), "adrp x8,fffff804`12345000");
  EXPECT_EQ(arm64("080540f9"), "ldr x8,[x8,#8]");
  EXPECT_EQ(arm64("20008052"), "mov w0,#1");
  EXPECT_EQ(arm64("00003ed4"), "brk #0xF000");
  EXPECT_EQ(arm64("7f2303d5"), "pacibsp");
  EXPECT_EQ(arm64("ff0f5fd6"), "retab");
  const Disassembled ret = decoded(Architecture::arm64, "ff0b5fd6", 0x1000);
  EXPECT_EQ(ret.mnemonic, "retaa");
  EXPECT_EQ(ret.flow, Flow::returns);
}

TEST_F(Disassembly, SaysOfUnknownBytesThatTheyAreAndGoesOn) {
  const Disassembled x64 = decoded(Architecture::x64, "062000", 0x1000);
  EXPECT_FALSE(x64.is_known);
  EXPECT_EQ(x64.mnemonic, "???");
  EXPECT_GE(x64.length, 1);
  const Disassembled arm64 = decoded(Architecture::arm64, "ffffffff", 0x1000);
  EXPECT_EQ(arm64.mnemonic, "???");
  EXPECT_EQ(arm64.length, 4);
  EXPECT_FALSE(arm64.falls_through());
}

TEST_F(Disassembly, TakesAnyBytes) {
  std::mt19937_64 random(20);
  for (const Architecture architecture :
       {Architecture::x86, Architecture::x64, Architecture::arm64, Architecture::unknown}) {
    const Disassembler disassembler(architecture);
    for (int i = 0; i < 200000; ++i) {
      std::array<std::byte, 15> bytes;
      for (std::byte& byte : bytes) byte = std::byte(random());
      const base::Bytes code(bytes.data(), 1 + random() % bytes.size());
      const Disassembled found = disassembler.at(code, random());
      ASSERT_GE(found.length, 1);
      ASSERT_LE(found.length, code.size());
      for (const AddressText& each : found.addresses)
        ASSERT_LE(each.begin + each.size, found.operands.size());
    }
  }
}

}  // namespace
}  // namespace ntstack::code
