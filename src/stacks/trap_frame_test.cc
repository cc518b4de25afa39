// Trap frames as they lie on a stack. Truth: the public layouts, put down by hand here.
#include "stacks/trap_frame.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace ntstack::stacks {
namespace {

using base::Architecture;

constexpr std::uint64_t kStack = 0xffffd000'00010000;

// Memory of 8-byte values at addresses; all else in the first page is zero.
class Memory {
 public:
  explicit Memory(const std::map<std::uint64_t, std::uint64_t>& values) : bytes_(0x1000) {
    for (const auto& [address, value] : values) std::memcpy(&bytes_[address - kStack], &value, 8);
  }
  base::SegmentSource source() const {
    return base::SegmentSource({{kStack, base::Bytes(std::span(bytes_))}});
  }

 private:
  std::vector<std::byte> bytes_;
};

std::map<std::uint64_t, std::uint64_t> trap_frame(std::uint64_t cs, std::uint64_t rsp,
                                                  std::uint64_t ss) {
  return {{kStack + 0x158, 0x1234}, {kStack + 0x168, 0xfffff80000001000},
          {kStack + 0x170, cs},     {kStack + 0x178, 0x10246},
          {kStack + 0x180, rsp},    {kStack + 0x188, ss}};
}

std::optional<TrapFrame> read(const std::map<std::uint64_t, std::uint64_t>& values) {
  const Memory memory(values);
  const auto source = memory.source();
  return read_trap_frame(source, kStack, Architecture::x64, 19041);
}

TEST(TrapFrame, FromTheKernelStandsOnTheSameStack) {
  const auto frame = read(trap_frame(0x10, kStack + 0x190, 0x18));
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->from_user);
  EXPECT_EQ(ip_of(frame->registers), 0xfffff80000001000);
  EXPECT_EQ(frame_pointer_of(frame->registers), 0x1234u);
  EXPECT_TRUE(read(trap_frame(0x10, kStack + 0x198, 0)));
  EXPECT_FALSE(read(trap_frame(0x10, kStack + 0x1a0, 0x18)));
  EXPECT_FALSE(read(trap_frame(0x10, kStack + 0x190, 0x2b)));
}

TEST(TrapFrame, FromUserModeHasItsSelectorsAndAddresses) {
  auto values = trap_frame(0x33, 0x7fff0000, 0x2b);
  EXPECT_FALSE(read(values));  // a kernel address with user selectors
  values[kStack + 0x168] = 0x7ffe12345678;
  const auto frame = read(values);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->from_user);
}

TEST(TrapFrame, FlagsThatNoProcessorKeepsAreNone) {
  auto values = trap_frame(0x10, kStack + 0x190, 0x18);
  values[kStack + 0x178] = 0x10244;
  EXPECT_FALSE(read(values));
  values[kStack + 0x178] = 0xffffffff00000246;
  EXPECT_FALSE(read(values));
}

}  // namespace
}  // namespace ntstack::stacks
