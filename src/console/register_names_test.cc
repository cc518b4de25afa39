// Registers by name, and as kd's `r` sets them.
#include "console/register_names.h"

#include <gtest/gtest.h>

namespace ntstack::console {
namespace {

stacks::Registers x64_registers() {
  unwind::x64::Registers registers;
  for (std::size_t i = 0; i < 16; ++i) registers.gpr[i] = 0x1122334455660000 + 0x8102 + i;
  registers.rip = 0xfffff80312345678;
  registers.known = 0xffff;
  return registers;
}

std::uint64_t value(const stacks::Registers& registers, std::string_view name) {
  const auto found = register_named(registers, name);
  EXPECT_TRUE(found && found->value) << name;
  return found && found->value ? *found->value : 0;
}

TEST(RegisterNames, PartsOfX64RegistersHaveNames) {
  const auto registers = x64_registers();
  EXPECT_EQ(value(registers, "rax"), 0x1122334455668102u);
  EXPECT_EQ(value(registers, "EAX"), 0x55668102u);
  EXPECT_EQ(value(registers, "ax"), 0x8102u);
  EXPECT_EQ(value(registers, "al"), 0x02u);
  EXPECT_EQ(value(registers, "ah"), 0x81u);
  EXPECT_EQ(value(registers, "sil"), 0x08u);
  EXPECT_EQ(value(registers, "r8"), 0x112233445566810au);
  EXPECT_EQ(value(registers, "r15d"), 0x55668111u);
  EXPECT_EQ(value(registers, "r9w"), 0x810bu);
  EXPECT_EQ(value(registers, "r10b"), 0x0cu);
  EXPECT_EQ(value(registers, "rip"), 0xfffff80312345678u);
  for (const char* none : {"r7", "r16", "x0", "eaxx", "", "r", "r8x"})
    EXPECT_FALSE(register_named(registers, none)) << none;
}

TEST(RegisterNames, X86HasItsOwn) {
  unwind::x86::Registers narrow;
  narrow.gpr = {1, 2, 3, 4, 5, 6, 7, 8};
  narrow.eip = 0x8081df65;
  narrow.known = 0x7f;
  const stacks::Registers registers = narrow;
  EXPECT_EQ(value(registers, "esp"), 5u);
  EXPECT_EQ(value(registers, "eip"), 0x8081df65u);
  EXPECT_FALSE(register_named(registers, "rax"));
  EXPECT_FALSE(register_named(registers, "r8"));
  EXPECT_FALSE(register_named(registers, "edi")->value);  // there, and not known
}

TEST(RegisterNames, Arm64HasItsOwn) {
  unwind::arm64::Registers arm;
  for (std::size_t i = 0; i < arm.x.size(); ++i) arm.x[i] = 0x1'0000'0000 + i;
  arm.known = 0x7fffffff;
  arm.sp = 7;
  arm.pc = 9;
  const stacks::Registers registers = arm;
  EXPECT_EQ(value(registers, "x18"), 0x1'0000'0012u);
  EXPECT_EQ(value(registers, "w18"), 0x12u);
  EXPECT_EQ(value(registers, "fp"), 0x1'0000'001du);
  EXPECT_EQ(value(registers, "lr"), 0x1'0000'001eu);
  EXPECT_EQ(value(registers, "sp"), 7u);
  EXPECT_FALSE(register_named(registers, "x31"));
}

TEST(RegisterNames, X86IsShownAsKdShowsIt) {
  unwind::x86::Registers narrow;
  narrow.gpr = {0xa, 0xc, 0xd, 0xb, 0xb8ae60ec, 0xb8ae6100, 0x51, 0xd1};
  narrow.eip = 0x8081df65;
  narrow.known = 0xbf;  // esi is not
  ProcessorFlags flags;
  flags.flags = 0x246;
  flags.cs = 8;
  flags.ss = 0x10;
  flags.ds = flags.es = 0x23;
  flags.fs = 0x30;
  EXPECT_EQ(registers_text(narrow, flags),
            "eax=0000000a ebx=0000000b ecx=0000000c edx=0000000d esi=???????? edi=000000d1\n"
            "eip=8081df65 esp=b8ae60ec ebp=b8ae6100 iopl=0         nv up ei pl zr na pe nc\n"
            "cs=0008  ss=0010  ds=0023  es=0023  fs=0030  gs=0000             efl=00000246\n");
}

}  // namespace
}  // namespace ntstack::console
