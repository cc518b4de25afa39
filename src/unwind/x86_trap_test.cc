// Trap frames put together by the offsets of the public PDBs' _KTRAP_FRAME.
#include "unwind/x86_trap.h"

#include <gtest/gtest.h>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kAddress = 0x80010000;

std::optional<TrapFrame> read(const std::array<std::uint32_t, 0x23>& words,
                              TrapLayout layout = TrapLayout::since_8_1) {
  const base::SegmentSource memory({{kAddress, base::Bytes(std::as_bytes(std::span(words)))}});
  return read_trap_frame(memory, kAddress, layout);
}

std::array<std::uint32_t, 0x23> frame(std::uint32_t cs) {
  std::array<std::uint32_t, 0x23> words{};
  for (std::uint32_t i = 0; i < words.size(); ++i) words[i] = 0x5000 + 4 * i;
  words[2] = 0xbadb0d00;
  words[0x6c / 4] = cs;
  words[0x70 / 4] = 0x246;
  words[0x78 / 4] = 0x23;
  return words;
}

TEST(X86TrapFrame, AKernelTrapHasItsStackPointerBehindTheFlags) {
  const auto found = read(frame(8));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->from_user);
  EXPECT_EQ(found->registers.eip, 0x5068u);
  EXPECT_EQ(found->registers.gpr[esp], kAddress + 0x74);
  EXPECT_EQ(found->registers.gpr[ebp], 0x5060u);
  EXPECT_EQ(found->registers.gpr[ebx], 0x505cu);
  EXPECT_EQ(found->registers.gpr[eax], 0x5040u);
}

// _KTRAP_FRAME of the public PDBs: Edx, Ecx, Eax at 3c, 40, 44 (5.1 to 6.2), at 38, 3c, 40 (6.3
// on).
TEST(X86TrapFrame, VolatileRegistersLieByLayout) {
  const auto later = read(frame(8), TrapLayout::since_8_1);
  const auto before = read(frame(8), TrapLayout::xp_to_8_0);
  ASSERT_TRUE(later && before);
  EXPECT_EQ(later->registers.gpr[edx], 0x5038u);
  EXPECT_EQ(later->registers.gpr[ecx], 0x503cu);
  EXPECT_EQ(later->registers.gpr[eax], 0x5040u);
  EXPECT_EQ(before->registers.gpr[edx], 0x503cu);
  EXPECT_EQ(before->registers.gpr[ecx], 0x5040u);
  EXPECT_EQ(before->registers.gpr[eax], 0x5044u);
}

TEST(X86TrapFrame, AUserTrapKeepsTheUsersStackPointer) {
  const auto found = read(frame(0x1b));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->from_user);
  EXPECT_EQ(found->registers.gpr[esp], 0x5074u);
}

TEST(X86TrapFrame, AnEditedFrameKeepsItsOwnSelectorAndStackPointerByLayout) {
  auto words = frame(0);
  words[3] = 8;
  const auto later = read(words);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->registers.gpr[esp], 0x5010u);
  EXPECT_FALSE(read(words, TrapLayout::xp_to_8_0));
  words[4] = 8;
  EXPECT_EQ(read(words, TrapLayout::xp_to_8_0)->registers.gpr[esp], 0x5014u);
}

TEST(X86TrapFrame, WithoutMarkSelectorOrFlagsItIsNone) {
  auto words = frame(8);
  words[2] = 0;
  EXPECT_FALSE(read(words));
  EXPECT_FALSE(read(frame(0x20)));
  words = frame(8);
  words[0x70 / 4] = 0;
  EXPECT_FALSE(read(words));
  words = frame(0x1b);
  words[0x78 / 4] = 0x10;
  EXPECT_FALSE(read(words));
}

}  // namespace
}  // namespace ntstack::unwind::x86
