// Registers from CONTEXT records and switch frames. Truth: the public layouts, put down by hand
// here.
#include "stacks/registers.h"

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

TEST(Context, ShortAndUnsetRecordsHoldNothing) {
  std::vector<std::byte> bytes(0x4d0, std::byte{0});
  EXPECT_FALSE(registers_of_context(base::Bytes(std::span(bytes)), Architecture::x64));
  const std::uint64_t rip = 0xfffff80000001000;
  std::memcpy(&bytes[0xf8], &rip, 8);
  EXPECT_EQ(registers_of_context(base::Bytes(std::span(bytes)), Architecture::x64)->index(), 0u);
  EXPECT_EQ(ip_of(*registers_of_context(base::Bytes(std::span(bytes)), Architecture::x64)), rip);
  EXPECT_FALSE(registers_of_context(base::Bytes(bytes.data(), 0xff), Architecture::x64));
  std::memcpy(&bytes[0xf8], "PAGEPAGE", 8);
  EXPECT_FALSE(registers_of_context(base::Bytes(std::span(bytes)), Architecture::x64));
  EXPECT_FALSE(registers_of_context(base::Bytes(std::span(bytes)), Architecture::unknown));
}

TEST(SwitchFrame, ReturnAndFramePointerStandWhereTheKernelKeepsThem) {
  const Memory memory({{kStack + 0x30, 0x5555}, {kStack + 0x38, 0xfffff80000002000}});
  const auto source = memory.source();
  const auto registers = registers_of_switch_frame(source, kStack, Architecture::x64);
  ASSERT_TRUE(registers);
  EXPECT_EQ(ip_of(*registers), 0xfffff80000002000);
  EXPECT_EQ(sp_of(*registers), kStack + 0x40);
  EXPECT_EQ(frame_pointer_of(*registers), 0x5555u);
  EXPECT_FALSE(registers_of_switch_frame(source, kStack + 0x100, Architecture::x64));
  EXPECT_FALSE(registers_of_switch_frame(source, kStack + 0x10000, Architecture::x64));
}

}  // namespace
}  // namespace ntstack::stacks
