// The scan for return addresses over hand-made stacks. Truth is ours: which values follow a call.
#include "unwind/scan.h"

#include <gtest/gtest.h>

#include <vector>

namespace ntstack::unwind {
namespace {

constexpr std::uint64_t kStack = 0xffff800000001000;
constexpr std::uint64_t kModule = 0xfffff80000000000;

struct OneModule : CodeMap {
  Module module{kModule, 0x10000, nullptr, {}};
  const Module* find(std::uint64_t address) const override {
    return address - module.base < module.size ? &module : nullptr;
  }
};

struct Slots {
  explicit Slots(std::vector<std::uint64_t> values) : values_(std::move(values)) {}
  base::SegmentSource memory() const {
    return base::SegmentSource({{kStack, base::Bytes(std::as_bytes(std::span(values_)))}});
  }
  std::vector<std::uint64_t> values_;
};

TEST(Scan, ValuesOutsideModulesAreNoReturnAddresses) {
  const Slots slots({0, 1, kModule - 1, kModule, kModule + 0x123, kModule + 0x200});
  const auto memory = slots.memory();
  const auto hit = scan(OneModule{}, memory, base::Architecture::x64, kStack, kStack + 48);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->slot, kStack + 32);
  EXPECT_EQ(hit->value, kModule + 0x123);
  EXPECT_FALSE(hit->verified_by_code);
}

TEST(Scan, ItEndsAtTheLimitAndPassesHoles) {
  const Slots first({0}), second({kModule + 8});
  const base::SegmentSource memory(
      {{kStack, base::Bytes(std::as_bytes(std::span(first.values_)))},
       {kStack + 0x100, base::Bytes(std::as_bytes(std::span(second.values_)))}});
  EXPECT_FALSE(scan(OneModule{}, memory, base::Architecture::x64, kStack, kStack + 0x100));
  EXPECT_TRUE(scan(OneModule{}, memory, base::Architecture::x64, kStack + 3, kStack + 0x108));
  EXPECT_FALSE(scan(OneModule{}, memory, base::Architecture::x64, UINT64_MAX - 3, UINT64_MAX));
  EXPECT_FALSE(scan(OneModule{}, memory, base::Architecture::x64, kStack + 0x108, UINT64_MAX));
}

TEST(Scan, SignedReturnAddressesAreStripped) {
  const Slots slots({(kModule + 0x40) & 0x00ff'ffff'ffff'ffff});
  const auto memory = slots.memory();
  const auto hit = scan(OneModule{}, memory, base::Architecture::arm64, kStack, kStack + 8);
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->value, kModule + 0x40);
}

// x86 stacks by hand: pairs of a saved EBP and a return address among values that point into the
// module too.
struct NarrowModule : CodeMap {
  Module module{0x80400000, 0x10000, nullptr, {}};
  const Module* find(std::uint64_t address) const override {
    return address - module.base < module.size ? &module : nullptr;
  }
};

TEST(ScanForChain, ThreePairsThatLeadUpAreFoundBehindStrayPointers) {
  constexpr std::uint32_t kAt = 0x8a000000;
  std::vector<std::uint32_t> words(64, 0x80400123);
  const auto pair = [&](std::size_t index, std::size_t next) {
    words[index] = kAt + static_cast<std::uint32_t>(next) * 4;
    words[index + 1] = 0x80400200 + static_cast<std::uint32_t>(index);
  };
  pair(10, 20);
  pair(20, 30);
  const base::SegmentSource memory({{kAt, base::Bytes(std::as_bytes(std::span(words)))}});
  const auto find = [&] {
    return scan_for_chain(NarrowModule{}, memory, base::Architecture::x86, kAt, kAt + 256);
  };
  EXPECT_FALSE(find());  // two only
  pair(30, 40);
  const auto hit = find();
  ASSERT_TRUE(hit);
  EXPECT_EQ(hit->slot, kAt + 44);
  EXPECT_EQ(hit->value, 0x8040020au);
  pair(20, 19);  // does not rise
  EXPECT_FALSE(find());
  pair(20, 63);  // no room for a pair
  EXPECT_FALSE(find());
}

}  // namespace
}  // namespace ntstack::unwind
