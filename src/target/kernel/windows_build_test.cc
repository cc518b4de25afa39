// Each place that says a kernel's build, and that a wrong one is passed over.
#include "target/kernel/windows_build.h"

#include <gtest/gtest.h>

#include "target/kernel/kernel_builder.h"
#include "target/kernel/shared_user_data.h"

namespace ntstack::target {
namespace {

using building::KernelBuilder;
using memory::Paging;

constexpr std::uint64_t base64 = 0xfffff802'3a2b8000;
constexpr std::uint64_t number = base64 + KernelBuilder::data + 0x40;
constexpr std::uint64_t lab = base64 + KernelBuilder::data + 0x80;

KernelBuilder kernel() {
  KernelBuilder builder(Paging::x64);
  builder.put_image(base64, "ntoskrnl.exe", {{"NtBuildNumber", KernelBuilder::data + 0x40}});
  return builder;
}

std::optional<BuildFound> build_of(const KernelBuilder& builder, std::uint64_t lab_at = 0) {
  const dump::Dump dump = builder.dump();
  const auto tables = builder.tables(dump);
  const KernelImage nt{base64, KernelBuilder::image_size, ""};
  return find_build(tables, nt, KernelExports(tables, nt), lab_at, builder.architecture());
}

TEST(WindowsBuild, IsNtBuildNumberWithoutItsKind) {
  for (const std::uint32_t written : {0xf0004a61u, 0xc0004a61u, 0x4a61u}) {
    KernelBuilder builder = kernel();
    builder.write(number, written);
    const auto found = build_of(builder);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->build, 19041u);
    EXPECT_EQ(found->found_by, "nt!NtBuildNumber");
  }
}

TEST(WindowsBuild, IsInKuserSharedDataFromWindows10On) {
  KernelBuilder builder = kernel();
  builder.put_shared_user_data(10, 0, 26100);
  EXPECT_EQ(build_of(builder)->build, 26100u);
  KernelBuilder older = kernel();
  older.put_shared_user_data(6, 1, 26100);  // something else there
  EXPECT_FALSE(build_of(older));
}

TEST(WindowsBuild, IsWhatNtBuildLabBeginsWith) {
  KernelBuilder builder = kernel();
  builder.write_text(lab, "7601.win7sp1_gdr.1304");
  const auto found = build_of(builder, lab);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->build, 7601u);
  builder.write_text(lab, "win7sp1");
  EXPECT_FALSE(build_of(builder, lab));
}

TEST(WindowsBuild, IsTheThirdPartOfTheFileVersion) {
  KernelBuilder builder = kernel();
  builder.write(base64 + 0x98 + 0x70 + 2 * 8, std::uint32_t{KernelBuilder::data + 0x200});
  builder.write(base64 + 0x98 + 0x70 + 2 * 8 + 4, std::uint32_t{0x100});
  builder.write(base64 + KernelBuilder::data + 0x240, std::uint32_t{0xfeef04bd});
  builder.write(base64 + KernelBuilder::data + 0x248, std::uint32_t{0x00060000});
  builder.write(base64 + KernelBuilder::data + 0x24c, std::uint32_t{6002 << 16 | 18005});
  const auto found = build_of(builder);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->build, 6002u);
  EXPECT_EQ(found->found_by, "nt's version resource");
}

TEST(WindowsBuild, IsNotKnownWhereNothingSaysIt) {
  KernelBuilder builder = kernel();
  builder.write(number, std::uint32_t{0xf0000001});
  EXPECT_FALSE(build_of(builder, lab));
}

TEST(SharedUserData, IsKnownByItsVersionAndSystemRoot) {
  KernelBuilder builder(Paging::x86);
  builder.put_shared_user_data(5, 2, 0);
  const dump::Dump dump = builder.dump();
  const auto found = read_shared_user_data(builder.tables(dump), base::Architecture::x86);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->major_version, 5u);
  EXPECT_EQ(found->minor_version, 2u);
  KernelBuilder other(Paging::x86);
  other.put_shared_user_data(5, 2, 0);
  other.write(0xffdf0032, std::uint16_t{0});
  const dump::Dump without = other.dump();
  EXPECT_FALSE(read_shared_user_data(other.tables(without), base::Architecture::x86));
}

}  // namespace
}  // namespace ntstack::target
