// Images by hand; names are the ones that Windows' kernels have had.
#include "target/kernel/kernel_image.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000, base32 = 0x80400000;

TEST(KernelImage, IsKnownByTheNameInItsExports) {
  for (const char* name : {"ntoskrnl.exe", "NTKRNLMP.EXE", "ntkrnlpa.exe", "ntkrpamp.exe"}) {
    KernelBuilder builder(Paging::x86);
    builder.put_image(base32, name);
    const dump::Dump dump = builder.dump();
    const auto found = kernel_image_at(builder.tables(dump), base32, base::Architecture::x86, true);
    ASSERT_TRUE(found) << name;
    EXPECT_EQ(found->name, name);
    EXPECT_EQ(found->size, KernelBuilder::image_size);
  }
}

TEST(KernelImage, AnotherImageAndAnotherProcessorsAreNone) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "hal.dll");
  builder.put_image(base64 + 0x10000, "ntoskrnl.exe");
  const dump::Dump dump = builder.dump();
  const auto tables = builder.tables(dump);
  EXPECT_FALSE(kernel_image_at(tables, base64, base::Architecture::x64, false));
  EXPECT_FALSE(kernel_image_at(tables, base64 + 0x10000, base::Architecture::arm64, false));
  EXPECT_FALSE(kernel_image_at(tables, base64 + 0x1000, base::Architecture::x64, false));
  EXPECT_FALSE(kernel_image_at(tables, 0, base::Architecture::x64, false));
}

TEST(KernelImage, WithoutANameItIsTakenOnlyWhereNoneIsNeeded) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  builder.unmap(base64 + 0x4000);
  const dump::Dump dump = builder.dump();
  const auto tables = builder.tables(dump);
  EXPECT_FALSE(kernel_image_at(tables, base64, base::Architecture::x64, true));
  const auto found = kernel_image_at(tables, base64, base::Architecture::x64, false);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "");
}

TEST(KernelImage, IsFoundFromAnAddressInItOverPagesThatAreNotThere) {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe");
  builder.unmap(base64 + 0x1000);
  builder.unmap(base64 + 0x2000);
  // Data that only begins like an image.
  builder.write(base64 + 0x3000, std::uint16_t{0x5a4d});
  const dump::Dump dump = builder.dump();
  const auto tables = builder.tables(dump);
  const auto found = kernel_image_around(tables, base64 + 0x3456, base::Architecture::x64, true);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->base, base64);
  // Not from behind its end.
  EXPECT_FALSE(kernel_image_around(tables, base64 + 0x5000, base::Architecture::x64, true));
}

}  // namespace
}  // namespace ntstack::target
