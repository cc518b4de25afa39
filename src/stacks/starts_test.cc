// Starts of an x86 stack put down by hand, over code that calls: chains of frame pointers, one that
// an earlier call left, and what an IST's stack begins with. The truth is the layout written here.
#include "stacks/starts.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace ntstack::stacks {
namespace {

constexpr std::uint32_t kLimit = 0x8f8c0000, kBase = 0x8f8c3000, kModule = 0x82600000;

class Starts : public testing::Test {
 protected:
  Starts() {
    // Functions of 0x100 bytes; each calls the next one at its offset 0x80.
    for (std::uint32_t function = 0; function < 0x8000; function += 0x100)
      call(function + 0x80, function + 0x100);
  }
  // A call that ends at `at` + 5.
  void call(std::uint32_t at, std::uint32_t target) {
    code_[at] = std::byte{0xe8};
    const std::uint32_t distance = target - (at + 5);
    for (std::uint32_t i = 0; i < 4; ++i)
      code_[at + 1 + i] = static_cast<std::byte>(distance >> 8 * i);
  }
  static std::uint32_t return_into(std::uint32_t function) { return kModule + function + 0x85; }

  // Frames of 0x20 bytes from `at` up, innermost first: {saved EBP, return address} each.
  std::uint32_t chain(std::uint32_t at, std::vector<std::uint32_t> returns) {
    for (const std::uint32_t value : returns) {
      put(at, at + 0x20);
      put(at + 4, value);
      at += 0x20;
    }
    return at;
  }
  void put(std::uint32_t at, std::uint32_t value) { words_[(at - kLimit) / 4] = value; }

  std::vector<StartCandidate> find() {
    const base::SegmentSource memory({{kModule, base::Bytes(std::span(code_))},
                                      {kLimit, base::Bytes(std::as_bytes(std::span(words_)))}});
    symbols::ModuleKey key;
    key.name = "hog.sys";
    key.base = kModule;
    key.size = code_.size();
    symbols::Symbolizer symbolizer({key}, {{}, {}, &memory});
    Stepper stepper({base::Architecture::x86, 7601, &memory, &symbolizer, true});
    target::Thread thread;
    thread.initial_stack = kBase - 0x10;
    const target::StackSegment stack{target::StackKind::thread, kLimit, kBase};
    Walk walk(base::Architecture::x86, {stack}, {});
    walk.stack.thread = &thread;
    return find_starts(stepper, walk, stack, {});
  }

  std::vector<std::uint32_t> words_ = std::vector<std::uint32_t>((kBase - kLimit) / 4);
  std::vector<std::byte> code_ = std::vector<std::byte>(0x9000);
};

TEST_F(Starts, TheYoungestOfAChainIsTheBestAndItsFramesAreNoOthers) {
  chain(kLimit + 0x800, {return_into(0x500), return_into(0x400), return_into(0x300),
                         return_into(0x200), return_into(0x100)});
  const auto starts = find();
  ASSERT_FALSE(starts.empty());
  EXPECT_EQ(starts[0].at, kLimit + 0x804);
  EXPECT_EQ(starts[0].origin, StartOrigin::frame_pointers);
  EXPECT_GE(starts[0].frames(), 4u);
  for (std::size_t i = 1; i < starts.size(); ++i) EXPECT_TRUE(starts[i].lead.is_disproved);
}

TEST_F(Starts, OneThatACallDisprovesComesAfterWhatIsNot) {
  // The longer one's calls go to other functions than those that it returns to.
  chain(kLimit + 0x200, {return_into(0x100), return_into(0x4000), return_into(0x200),
                         return_into(0x5000), return_into(0x300), return_into(0x6000)});
  chain(kLimit + 0x1000, {return_into(0x500), return_into(0x400), return_into(0x300)});
  const auto starts = find();
  ASSERT_FALSE(starts.empty());
  EXPECT_EQ(starts[0].at, kLimit + 0x1004);
  EXPECT_FALSE(starts[0].lead.is_disproved);
}

TEST_F(Starts, NothingIsFoundWhereNothingIs) { EXPECT_TRUE(find().empty()); }

TEST(IstFrame, IsReadWhereTheProcessorPushedIt) {
  constexpr std::uint64_t kTop = 0xfffff88003bd4000, kRip = 0xfffff8008081df63,
                          kRsp = 0xfffff880b8ae2ff0;
  std::array<std::uint64_t, 16> words{};
  const auto frame_at = [&](std::size_t from) {
    words[from] = kRip;
    words[from + 1] = 0x10;
    words[from + 2] = 0x10286;
    words[from + 3] = kRsp;
    words[from + 4] = 0x18;
  };
  const auto read = [&] {
    const base::SegmentSource memory({{kTop - 128, base::Bytes(std::as_bytes(std::span(words)))}});
    return read_ist_frame(memory, kTop);
  };
  EXPECT_FALSE(read());
  frame_at(11);
  const auto found = read();
  ASSERT_TRUE(found);
  EXPECT_EQ(ip_of(found->registers), kRip);
  EXPECT_EQ(sp_of(found->registers), kRsp);
  words[13] = 0;  // no flags of a processor
  EXPECT_FALSE(read());
  words = {};
  frame_at(9);  // 16 bytes are above it
  EXPECT_TRUE(read());
  words[10] = 0x33;  // from user mode
  EXPECT_FALSE(read());
}

}  // namespace
}  // namespace ntstack::stacks
