// Instructions that take an old stack back, encoded by hand (Intel's manual, volume 2).
#include "stacks/x86_switch.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::stacks {
namespace {

namespace x86 = unwind::x86;

constexpr std::uint32_t kCode = 0x82601000, kStack = 0x8b4bd000;

std::optional<x86::Registers> back(std::vector<std::uint8_t> code, std::uint32_t arguments = 0,
                                   std::vector<std::uint32_t> slots = {0x8f8d2394, 0x8f8d2398}) {
  const base::SegmentSource memory({{kCode, base::Bytes(std::as_bytes(std::span(code)))},
                                    {kStack, base::Bytes(std::as_bytes(std::span(slots)))}});
  x86::Registers here;
  here.eip = kCode;
  here.gpr[x86::esp] = kStack;
  here.gpr[x86::ebx] = 0x8f8d1000;
  here.gpr[x86::eax] = 0x8f8d1004;
  here.known = 1u << x86::esp | 1u << x86::ebx;
  here.arguments = arguments;
  return registers_on_old_stack(memory, here, [](std::uint32_t address) {
    return address >= 0x8f8d0000 && address < 0x8f8d3000;
  });
}

TEST(X86Switch, PopEspTakesWhatWasPushedBeforeTheParameters) {
  ASSERT_TRUE(back({0x5c, 0xc3}));
  EXPECT_EQ(back({0x5c, 0xc3})->gpr[x86::esp], 0x8f8d2394u);
  EXPECT_EQ(back({0x5c, 0xc3})->eip, kCode + 1);
  EXPECT_EQ(back({0x5c, 0xc3}, 4)->gpr[x86::esp], 0x8f8d2398u);
  EXPECT_FALSE(back({0x5c, 0xc3}, 8));  // not there
}

TEST(X86Switch, WithoutTheirCountParametersAreTheWordsThatAreNoStack) {
  ASSERT_TRUE(back({0x5c, 0xc3}, 0, {0x807c4120, 0x8f8d2398}));
  EXPECT_EQ(back({0x5c, 0xc3}, 0, {0x807c4120, 0x8f8d2398})->gpr[x86::esp], 0x8f8d2398u);
}

TEST(X86Switch, AMoveTakesARegisterThatIsKnown) {
  for (const std::vector<std::uint8_t>& code :
       {std::vector<std::uint8_t>{0x8b, 0xe3}, std::vector<std::uint8_t>{0x89, 0xdc}}) {
    ASSERT_TRUE(back(code));
    EXPECT_EQ(back(code)->gpr[x86::esp], 0x8f8d1000u);
    EXPECT_EQ(back(code)->eip, kCode + 2);
  }
  EXPECT_FALSE(back({0x8b, 0xe0}));  // EAX, which no call keeps
  EXPECT_FALSE(back({0x8b, 0x23}));  // from memory
  EXPECT_FALSE(back({0x90, 0x90}));
}

TEST(X86Switch, TheRestOfTheFunctionIsItsEpilogue) {
  const std::vector<std::uint8_t> code = {0x64, 0x8f, 0x05, 0, 0, 0, 0, 0x5b, 0xc3};
  const std::vector<std::uint32_t> slots = {0xffffffff, 0x1234, 0x82601fb7};
  const base::SegmentSource memory({{kCode, base::Bytes(std::as_bytes(std::span(code)))},
                                    {kStack, base::Bytes(std::as_bytes(std::span(slots)))}});
  x86::Registers here;
  here.eip = kCode;
  here.gpr[x86::esp] = kStack;
  here.known = 1u << x86::esp | 1u << x86::ebx;
  const auto caller = leave_function(memory, here);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->eip, 0x82601fb7u);
  EXPECT_EQ(caller->gpr[x86::esp], kStack + 12);
  EXPECT_EQ(caller->gpr[x86::ebx], 0x1234u);
  here.eip = kCode + 3;  // in the middle of an instruction: no epilogue
  EXPECT_FALSE(leave_function(memory, here));
}

}  // namespace
}  // namespace ntstack::stacks
