// Programs as MSVC, clang and older linkers write them; the results are worked out by hand from the
// language's description (IDiaFrameData::program).
#include "unwind/program.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kStack = 0x80010000;

// Slot i of the stack holds 0x5000 + i.
class Programs : public testing::Test {
 protected:
  Programs() {
    for (std::uint32_t i = 0; i < 64; ++i) slots_.push_back(0x5000 + i);
    memory_ = base::SegmentSource({{kStack, base::Bytes(std::as_bytes(std::span(slots_)))}});
    values_.set(esp, kStack);
    values_.set(ebp, kStack + 0x20);
    values_.set(ra_search, kStack + 0x10);
    values_.set(ra_search_start, kStack + 0x10);
    values_.set(saved_size, 8);
    values_.set(params_size, 12);
  }
  std::expected<void, ProgramError> run(std::string_view text) {
    const auto program = Program::compile(text);
    if (!program) return std::unexpected(program.error());
    return program->evaluate(values_, memory_);
  }
  ProgramError error_of(std::string_view text) {
    const auto done = run(text);
    EXPECT_FALSE(done) << text;
    return done ? ProgramError{} : done.error();
  }

  std::vector<std::uint32_t> slots_;
  base::SegmentSource memory_;
  Values values_;
};

TEST_F(Programs, MsvcFrameWithRegistersByNumber) {
  ASSERT_TRUE(
      run("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =  $20 $T0 4 - ^ =  $23 $T0 8 - "
          "^ =  $24 $T0 12 - ^ ="));
  EXPECT_EQ(values_.values[eip], 0x5009u);
  EXPECT_EQ(values_.values[ebp], 0x5008u);
  EXPECT_EQ(values_.values[esp], kStack + 0x28);
  EXPECT_EQ(values_.values[ebx], 0x5007u);
  EXPECT_EQ(values_.values[esi], 0x5006u);
  EXPECT_EQ(values_.values[edi], 0x5005u);
}

TEST_F(Programs, MsvcFrameThatKeepsTheFramePointer) {
  ASSERT_TRUE(
      run("$T0 $ebp = $T2 $esp = $T1 .raSearchStart = $eip $T1 ^ = $ebp $T0 = $esp $T1 4 + ="));
  EXPECT_EQ(values_.values[eip], 0x5004u);
  EXPECT_EQ(values_.values[ebp], kStack + 0x20);
  EXPECT_EQ(values_.values[esp], kStack + 0x14);
}

TEST_F(Programs, OlderLinkersNameLocalsAndParameters) {
  ASSERT_TRUE(
      run("$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = $L $T0 .cbSavedRegs - = $P $T0 "
          "8 + .cbParams + ="));
  EXPECT_EQ(values_.values[eip], 0x5009u);
  EXPECT_EQ(values_.values[esp], kStack + 0x28);
}

TEST_F(Programs, ClangAlignsALocalsBase) {
  values_.set(ebp, kStack + 0x2c);
  ASSERT_TRUE(
      run("$T1 $ebp 4 + = $T0 $T1 8 - 32 @ = $eip $T1 ^ = $esp $T1 4 + = $ebp $T1 4 - ^ = $esi $T1 "
          "8 - ^ = $edi $T0 = "));
  EXPECT_EQ(values_.values[eip], 0x500cu);
  EXPECT_EQ(values_.values[edi], kStack + 0x20);  // 0x28 rounded down to 32
}

TEST_F(Programs, BlanksAroundOperatorsMayBeMissing) {
  ASSERT_TRUE(run("$T0 .raSearch=$eip $T0^=$esp $T0 4+="));
  EXPECT_EQ(values_.values[eip], 0x5004u);
  EXPECT_EQ(values_.values[esp], kStack + 0x14);
}

TEST_F(Programs, ArithmeticIsUnsignedAndWraps) {
  ASSERT_TRUE(run("$eax 7 3 * = $ecx 22 5 / = $edx 22 5 % = $ebx 0 1 - = $esi -4 8 + ="));
  EXPECT_EQ(values_.values[eax], 21u);
  EXPECT_EQ(values_.values[ecx], 4u);
  EXPECT_EQ(values_.values[edx], 2u);
  EXPECT_EQ(values_.values[ebx], 0xffffffffu);
  EXPECT_EQ(values_.values[esi], 4u);
}

TEST_F(Programs, WhatCannotBeEvaluatedSaysWhy) {
  EXPECT_EQ(error_of("$eip $T7 ="), ProgramError::name_undefined);
  EXPECT_EQ(error_of("$eip .noSuchName ="), ProgramError::name_undefined);
  EXPECT_EQ(error_of("$eip 4 ^ ="), ProgramError::memory_missing);
  EXPECT_EQ(error_of("$eip 4 0 / ="), ProgramError::division_by_zero);
  EXPECT_EQ(error_of("$eip 4 0 % ="), ProgramError::division_by_zero);
  EXPECT_EQ(error_of("$eip 4 3 @ ="), ProgramError::alignment_no_power);
}

TEST_F(Programs, WhatIsNoProgramSaysWhy) {
  EXPECT_EQ(error_of("$eip ="), ProgramError::operands_missing);
  EXPECT_EQ(error_of("^"), ProgramError::operands_missing);
  EXPECT_EQ(error_of("$eip +"), ProgramError::operands_missing);
  EXPECT_EQ(error_of("$eip $esp"), ProgramError::operands_left);
  EXPECT_EQ(error_of("4 5 ="), ProgramError::not_assignable);
  EXPECT_EQ(error_of(".raSearch 5 ="), ProgramError::not_assignable);
  EXPECT_EQ(error_of("$eip 4 + 5 ="), ProgramError::not_assignable);
  EXPECT_EQ(error_of("$eip ! ="), ProgramError::bad_token);
  EXPECT_EQ(error_of("$ 4 ="), ProgramError::bad_token);
  EXPECT_EQ(error_of("$eip 4294967296 ="), ProgramError::bad_token);
}

TEST_F(Programs, HostileLengthsAreRefused) {
  std::string many_operands, many_names, many_operations;
  for (int i = 0; i < 100; ++i) {
    many_operands += "1 ";
    many_names += "$n" + std::to_string(i) + " 1 = ";
    many_operations += "$eax 1 2 + = ";
  }
  EXPECT_EQ(error_of(many_operands), ProgramError::too_long);
  EXPECT_EQ(error_of(many_names), ProgramError::too_long);
  EXPECT_EQ(error_of(many_operations), ProgramError::too_long);
}

TEST_F(Programs, ReadsAndAssignmentsAreKnownBeforehand) {
  const auto program = Program::compile("$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =");
  ASSERT_TRUE(program);
  EXPECT_EQ(program->assigns() & 0x1ff, 1u << eip | 1u << esp);
  EXPECT_NE(program->reads() & 1u << ra_search, 0u);
  EXPECT_EQ(program->reads() & 1u << esp, 0u);
}

}  // namespace
}  // namespace ntstack::unwind::x86
