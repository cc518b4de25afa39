// Walks over x86 stacks put down by hand, without code or records: what the chain of frame pointers
// may use of a stack (Gary Nebbett's rules: it rises, and stays below InitialStack).
#include "stacks/stepper.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::stacks {
namespace {

constexpr std::uint32_t kLimit = 0x8f8c0000, kBase = 0x8f8c3000, kModule = 0x82600000;

class X86Stack : public testing::Test {
 protected:
  // A saved EBP and a return address.
  void pair(std::uint32_t at, std::uint32_t ebp, std::uint32_t eip) {
    words_[(at - kLimit) / 4] = ebp;
    words_[(at - kLimit) / 4 + 1] = eip;
  }
  std::vector<Frame> walk(std::uint32_t initial_stack, std::uint32_t ebp) {
    return stack_from(kLimit + 0x1000, initial_stack, ebp).frames;
  }
  Stack stack_from(std::uint32_t sp, std::uint32_t initial_stack, std::uint32_t ebp) {
    const base::SegmentSource memory({{kLimit, base::Bytes(std::as_bytes(std::span(words_)))}});
    symbols::ModuleKey key;
    key.name = "ntoskrnl.exe";
    key.base = kModule;
    key.size = 0x10000;
    symbols::Symbolizer symbolizer({key}, {{}, {}, &memory});
    Stepper stepper({base::Architecture::x86, 7601, &memory, &symbolizer, true});
    target::Thread thread;
    thread.initial_stack = initial_stack;
    Walk walk(base::Architecture::x86, {{target::StackKind::thread, kLimit, kBase}}, {});
    walk.stack.thread = &thread;
    walk.push(registers_at(base::Architecture::x86, kModule + 0x100, sp, ebp),
              unwind::Trust::context, true);
    stepper.run(walk);
    walk.stack.thread = nullptr;
    return std::move(walk.stack);
  }
  static bool holds(const std::vector<Frame>& frames, std::uint32_t ip) {
    return std::ranges::find(frames, std::uint64_t{ip}, &Frame::ip) != frames.end();
  }
  std::vector<std::uint32_t> words_ = std::vector<std::uint32_t>((kBase - kLimit) / 4);
};

TEST_F(X86Stack, TheChainStaysBelowInitialStack) {
  pair(kLimit + 0x1040, kBase - 0x80, kModule + 0x200);
  pair(kBase - 0x80, kBase - 0x40, kModule + 0x300);
  EXPECT_TRUE(holds(walk(kBase, kLimit + 0x1040), kModule + 0x200));
  EXPECT_TRUE(holds(walk(kBase, kLimit + 0x1040), kModule + 0x300));
  const auto below = walk(kBase - 0x100, kLimit + 0x1040);
  EXPECT_TRUE(holds(below, kModule + 0x200));
  for (const Frame& frame : below)
    EXPECT_TRUE(frame.ip != kModule + 0x300 || frame.trust == unwind::Trust::scan);
}

TEST_F(X86Stack, AReturnAddressBelow64KilobytesEndsIt) {
  pair(kLimit + 0x1040, kLimit + 0x1080, 0xffff);
  EXPECT_FALSE(holds(walk(kBase, kLimit + 0x1040), 0xffff));
}

TEST_F(X86Stack, AnEbpOf0NearTheBaseIsWhereAThreadBegan) {
  const Stack began = stack_from(kBase - 0x40, kBase - 0x10, 0);
  EXPECT_EQ(began.frames.size(), 1u);
  EXPECT_EQ(began.end, End::base);
  EXPECT_EQ(stack_from(kBase - 0x40, kBase - 0x10, 4).end, End::lost);
  EXPECT_EQ(stack_from(kLimit + 0x1000, kBase - 0x10, 0).end, End::lost);
  // What may still be a return address is not passed over.
  pair(kBase - 0x20, 0, kModule + 0x200);
  const Stack guessed = stack_from(kBase - 0x40, kBase - 0x10, 0);
  EXPECT_TRUE(holds(guessed.frames, kModule + 0x200));
}

TEST_F(X86Stack, ATrapFrameBehindWhatMayBeAReturnAddressIsAGuessInUserModeToo) {
  constexpr std::uint32_t kTrap = kLimit + 0x1040, kUserEip = 0x77a62a2a;
  const auto put = [&](std::uint32_t at, std::uint32_t value) {
    words_[(kTrap + at - kLimit) / 4] = value;
  };
  pair(kTrap, 0x324f540, kUserEip);  // DbgEbp, DbgEip
  put(0x08, 0xbadb0d00);
  put(0x60, 0x324f540);
  put(0x68, kUserEip);
  put(0x6c, 0x1b);
  put(0x70, 0x202);
  put(0x74, 0x324f4f8);
  put(0x78, 0x23);
  const auto known = walk(kBase, kTrap);
  ASSERT_EQ(known.size(), 2u);
  EXPECT_EQ(known[1].ip, kUserEip);
  EXPECT_EQ(known[1].trust, unwind::Trust::trap_frame);
  words_[(kLimit + 0x1020 - kLimit) / 4] = kModule + 0x444;
  const auto guessed = walk(kBase, kTrap);
  ASSERT_EQ(guessed.back().ip, kUserEip);
  EXPECT_EQ(guessed.back().trust, unwind::Trust::scan);
}

TEST_F(X86Stack, NothingIsFoundBehindAHoleOfAStackThatIsNotKnown) {
  pair(kBase - 8, 0, kModule + 0x200);
  const base::SegmentSource memory(
      {{kLimit, base::Bytes(std::as_bytes(std::span(words_).first(0x100)))},
       {kLimit + 0x2000, base::Bytes(std::as_bytes(std::span(words_).subspan(0x2000 / 4)))}});
  symbols::ModuleKey key;
  key.base = kModule;
  key.size = 0x10000;
  symbols::Symbolizer symbolizer({key}, {{}, {}, &memory});
  Stepper stepper({base::Architecture::x86, 7601, &memory, &symbolizer, true});
  Walk walk(base::Architecture::x86, {}, {});
  walk.push(registers_at(base::Architecture::x86, kModule + 0x100, kLimit + 0x10),
            unwind::Trust::context, false);
  stepper.run(walk);
  EXPECT_EQ(walk.stack.frames.size(), 1u);
  EXPECT_EQ(walk.stack.end, End::lost);
}

}  // namespace
}  // namespace ntstack::stacks
