// A block encoded here by the inverse of the way that the public elf2dmp and volatility document:
// x = rol64(x ^ KiWaitNever, KiWaitNever & 0xff); x = bswap64(x ^ &KdpDataBlockEncoded);
// x ^= KiWaitAlways. No live dump with a known key was to be had.
#include "target/kernel/kdbg_encoding.h"

#include <gtest/gtest.h>

#include <bit>

namespace ntstack::target {
namespace {

constexpr std::uint64_t kAt = 0xfffff80002c01000, kKernel = 0xfffff80002a00000;
constexpr KdbgKey kKey{0x00a1b2c3d4e5f647, 0x0123456789abcdef, 0xfffff80002c0b123};

std::uint64_t encoded(std::uint64_t plain) {
  const std::uint64_t mixed = __builtin_bswap64(plain ^ kKey.wait_always) ^ kKey.encoded_flag;
  return std::rotr(mixed, static_cast<int>(kKey.wait_never & 0xff) & 63) ^ kKey.wait_never;
}

class EncodedKdbg : public testing::Test {
 protected:
  EncodedKdbg() {
    plain_[2] = std::uint64_t{0x360} << 32 | 0x4742444b;
    plain_[3] = kKernel;
    plain_[9] = 0xfffff80002c2a2b0;  // PsLoadedModuleList
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] = encoded(plain_[i]);
  }
  base::SegmentSource memory() const {
    return base::SegmentSource({{kAt, base::Bytes(std::as_bytes(std::span(words_)))}});
  }
  void expect_plain(const std::optional<std::vector<std::byte>>& block) const {
    ASSERT_TRUE(block);
    ASSERT_EQ(block->size(), 0x360u);
    EXPECT_EQ(std::memcmp(block->data(), plain_.data(), block->size()), 0);
  }
  std::array<std::uint64_t, 0x360 / 8> plain_{}, words_{};
};

TEST_F(EncodedKdbg, AWordIsDecodedByTheKey) {
  EXPECT_EQ(decode_kdbg_word(encoded(0x1234), kKey), 0x1234u);
  EXPECT_EQ(decode_kdbg_word(encoded(kKernel), kKey), kKernel);
}

TEST_F(EncodedKdbg, ABlockIsReadByItsKeyOrAsItStands) {
  expect_plain(read_kdbg(memory(), kAt, &kKey));
  EXPECT_FALSE(read_kdbg(memory(), kAt, nullptr));
  words_ = plain_;
  expect_plain(read_kdbg(memory(), kAt, nullptr));
}

TEST_F(EncodedKdbg, TheKernelsBaseIsEnough) {
  expect_plain(read_kdbg_without_key(memory(), kAt, kKernel));
  EXPECT_FALSE(read_kdbg_without_key(memory(), kAt, kKernel + 0x1000));
  EXPECT_FALSE(read_kdbg_without_key(memory(), kAt + 0x1000, kKernel));
  words_[2] ^= 1;
  EXPECT_FALSE(read_kdbg_without_key(memory(), kAt, kKernel));
}

}  // namespace
}  // namespace ntstack::target
