// KDDEBUGGER_DATA64 by hand, plain and encoded as elf2dmp and volatility3 describe it.
#include "target/kernel/kdbg_search.h"

#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "target/kernel/kdbg.h"
#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000, base32 = 0x80400000;
constexpr std::uint64_t kdbg64 = base64 + KernelBuilder::data + 0xf88;  // over the end of a page

std::optional<KdbgFound> search(const KernelBuilder& builder, std::uint64_t base,
                                std::uint64_t version_block = 0) {
  const dump::Dump dump = builder.dump();
  return find_kdbg(builder.tables(dump), {base, KernelBuilder::image_size, ""}, version_block,
                   !builder.is_x86());
}

void encode(KernelBuilder& builder, std::uint64_t address, std::uint32_t size,
            std::uint64_t wait_never) {
  constexpr std::uint64_t wait_always = 0x00f3c1d27a55be90, flag = 0xfffff802'3a2bb123;
  for (std::uint64_t at = 0; at < size; at += 8) {
    std::uint64_t plain = 0;
    std::memcpy(&plain, &builder.bytes()[builder.page(address + at) + (address + at) % 0x1000], 8);
    const std::uint64_t mixed = __builtin_bswap64(plain ^ wait_always) ^ flag;
    builder.write(address + at, std::rotr(mixed, static_cast<int>(wait_never & 0x3f)) ^ wait_never);
  }
}

void fill_with_noise(KernelBuilder& builder) {
  std::mt19937_64 random(7);
  for (std::uint64_t at = 0; at < 0x2000; at += 8)
    builder.write(base64 + KernelBuilder::data + at, std::uint64_t{random()});
}

TEST(KdbgSearch, ByKdVersionBlock) {
  KernelBuilder builder(Paging::x86);
  builder.put_image(base32, "ntoskrnl.exe");
  constexpr std::uint64_t kdbg = base32 + KernelBuilder::data + 0x800;
  constexpr std::uint64_t version = base32 + KernelBuilder::data + 0x100, list = version + 0x80;
  builder.put_kdbg(kdbg, base32, 0x318);  // Server 2003's size
  builder.write(version + 0x20, 0xffffffff'00000000 | list);
  builder.write(list, static_cast<std::uint32_t>(kdbg));
  const auto found = search(builder, base32, version);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, kdbg);
  EXPECT_EQ(found->bytes.size(), 0x318u);
  EXPECT_FALSE(found->encoded);
  EXPECT_EQ(found->found_by, "KdVersionBlock");
}

TEST(KdbgSearch, PlainInNtsData) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  fill_with_noise(builder);
  // Another kernel's block, and one without lists, come first.
  builder.put_kdbg(base64 + KernelBuilder::data, base64 - 0x1000, 0x340);
  builder.write(base64 + KernelBuilder::data + 0x400, std::uint64_t{0});
  builder.write(base64 + KernelBuilder::data + 0x410, std::uint64_t{0x340'4742444b});
  builder.write(base64 + KernelBuilder::data + 0x418, base64);
  builder.put_kdbg(kdbg64, base64, 0x368);
  const auto found = search(builder, base64);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, kdbg64);
  EXPECT_EQ(found->found_by, "a search of nt's data");
}

TEST(KdbgSearch, EncodedWithAnyRotationAndSize) {
  for (const std::uint32_t size : {0x340u, 0x360u, 0x368u, 0x380u}) {
    for (const std::uint64_t rotation : {0ull, 1ull, 7ull, 39ull, 63ull}) {
      KernelBuilder builder(Paging::x64);
      builder.put_image(base64, "ntoskrnl.exe");
      fill_with_noise(builder);
      builder.put_kdbg(kdbg64, base64, size);
      encode(builder, kdbg64, size, 0x9d3f0c11a8b4e600 | rotation);
      const auto found = search(builder, base64);
      ASSERT_TRUE(found) << size << " " << rotation;
      EXPECT_EQ(found->address, kdbg64);
      EXPECT_TRUE(found->encoded);
      const auto kdbg = Kdbg::parse(base::Bytes(std::span(found->bytes)));
      ASSERT_TRUE(kdbg);
      EXPECT_EQ(kdbg->size(), size);
      EXPECT_EQ(kdbg->loaded_module_list(true), base64 + KernelBuilder::data + 0x10);
    }
  }
}

// Decoded with the constants that its two words give, its lists lie anywhere.
TEST(KdbgSearch, TwoWordsThatFitAreNotEnough) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  fill_with_noise(builder);
  builder.put_kdbg(kdbg64, base64, 0x380);
  builder.write(kdbg64 + 0x48, std::uint64_t{0xfffff802'3b000000});
  encode(builder, kdbg64, 0x380, 0x9d3f0c11a8b4e627);
  EXPECT_FALSE(search(builder, base64));
}

TEST(KdbgSearch, NoiseHasNone) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  fill_with_noise(builder);
  EXPECT_FALSE(search(builder, base64));
  builder.unmap(base64 + 0x2000);
  builder.unmap(base64 + 0x3000);
  EXPECT_FALSE(search(builder, base64, base64 + 0x2000));
}

}  // namespace
}  // namespace ntstack::target
