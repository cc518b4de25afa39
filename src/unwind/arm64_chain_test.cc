// Steps along frame records put down by hand: the layout is the Procedure Call Standard's (AAPCS64,
// "the frame pointer"), which Windows keeps.
#include "unwind/arm64_chain.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::unwind::arm64 {
namespace {

constexpr std::uint64_t kStack = 0xffffa00000010000, kBase = kStack + 0x1000;
constexpr std::uint64_t kReturn = 0xfffff80000001234;

class Chain : public testing::Test {
 protected:
  void record(std::uint64_t at, std::uint64_t fp_value, std::uint64_t lr_value) {
    slots_[(at - kStack) / 8] = fp_value;
    slots_[(at - kStack) / 8 + 1] = lr_value;
  }
  std::expected<Step, StepError> from(std::uint64_t fp_value, bool is_call_site = true) const {
    Registers registers;
    registers.sp = kStack + 0x100;
    registers.x[fp] = fp_value;
    registers.x[lr] = kReturn;
    registers.known = 1u << fp | 1u << lr;
    const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(slots_)))}});
    return step_by_frame_pointer(memory, registers, is_call_site, kBase);
  }

 private:
  std::vector<std::uint64_t> slots_ = std::vector<std::uint64_t>(0x200);
};

TEST_F(Chain, ARecordGivesTheCallersFpAndReturnAddressWithoutItsSignature) {
  record(kStack + 0x140, kStack + 0x200, kReturn ^ 0x00550000'00000000);
  const auto found = from(kStack + 0x140);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, kReturn);
  EXPECT_TRUE(found->signed_return);
  EXPECT_EQ(found->caller.x[fp], kStack + 0x200);
  EXPECT_EQ(found->caller.sp, kStack + 0x150);
  EXPECT_TRUE(found->caller.sp_is_bound);
  EXPECT_EQ(found->caller.known, 1u << fp);
  EXPECT_EQ(found->trust, Trust::frame_pointer);
}

// clang: "sub sp, sp, #0x70; stp x29, x30, [sp, #0x58]; add x29, sp, #0x58".
TEST_F(Chain, ARecordLiesWhereverTheFrameHasItsSlotsAndSpIsAlignedAboveIt) {
  record(kStack + 0x158, kStack + 0x200, kReturn);
  const auto found = from(kStack + 0x158);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->caller.pc, kReturn);
  EXPECT_EQ(found->caller.sp, kStack + 0x170);
}

TEST_F(Chain, ItRisesStaysOnTheStackAndEndsWithZero) {
  record(kStack + 0x140, kStack + 0x140, kReturn);
  EXPECT_EQ(from(kStack + 0x140).error(), StepError::no_progress);
  record(kStack + 0x140, kStack + 0x120, kReturn);
  EXPECT_EQ(from(kStack + 0x140).error(), StepError::no_progress);
  EXPECT_EQ(from(kStack + 0xf0).error(), StepError::no_progress);   // below SP
  EXPECT_EQ(from(kStack + 0x144).error(), StepError::no_progress);  // not aligned
  EXPECT_EQ(from(kBase).error(), StepError::no_progress);
  record(kStack + 0x140, 0, 0);
  ASSERT_TRUE(from(kStack + 0x140));
  EXPECT_EQ(from(kStack + 0x140)->caller.pc, 0u);
}

TEST_F(Chain, WhoHasNotCalledYetMayNotHaveSetUpItsRecord) {
  record(kStack + 0x140, kStack + 0x200, kReturn + 0x100);
  EXPECT_EQ(from(kStack + 0x140, false)->trust, Trust::scan);
  EXPECT_EQ(from(kStack + 0x140, true)->trust, Trust::frame_pointer);
  record(kStack + 0x140, kStack + 0x200, kReturn);  // LR says the same
  EXPECT_EQ(from(kStack + 0x140, false)->trust, Trust::frame_pointer);
}

}  // namespace
}  // namespace ntstack::unwind::arm64
