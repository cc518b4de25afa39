#include "capture/kernel_modules.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "capture/fake_system.h"

namespace ntstack::capture {
namespace {

std::string file_of(std::string_view path) {
  std::string text = base::path_text(file_of_kernel_path(path, "W"));
  std::ranges::replace(text, '\\', '/');
  return text;
}

TEST(KernelModules, PathsOfTheKernelLeadToFiles) {
  EXPECT_EQ(file_of("\\SystemRoot\\system32\\ntoskrnl.exe"), "W/system32/ntoskrnl.exe");
  EXPECT_EQ(file_of("\\SYSTEMROOT\\System32\\drivers\\x.sys"), "W/System32/drivers/x.sys");
  EXPECT_EQ(file_of("\\??\\C:\\tools\\ntstack.sys"), "C:/tools/ntstack.sys");
  EXPECT_EQ(file_of("C:\\tools\\ntstack.sys"), "C:/tools/ntstack.sys");
  EXPECT_EQ(file_of("System32\\drivers\\y.sys"), "W/System32/drivers/y.sys");
  EXPECT_EQ(file_of("z.sys"), "W/System32/drivers/z.sys");
  EXPECT_EQ(file_of("\\Device\\HarddiskVolume3\\x.sys"), "");
  EXPECT_EQ(file_of(""), "");
}

TEST(KernelModules, WhereAddressesAreNotToldThatIsSaid) {
  FakeSystem system;
  EXPECT_EQ(list_kernel_modules(system).notes.size(), 1u);
  dump::ModuleRecord nt;
  nt.path = "\\SystemRoot\\system32\\ntoskrnl.exe";
  system.kernel_module_list = std::vector{nt, nt};
  const KernelModules hidden = list_kernel_modules(system);
  EXPECT_TRUE(hidden.modules.empty());
  ASSERT_EQ(hidden.notes.size(), 1u);
  EXPECT_NE(hidden.notes[0].find("does not tell"), std::string::npos);
  nt.base = 0xfffff80000000000;
  system.kernel_module_list = std::vector{nt};
  const KernelModules told = list_kernel_modules(system);
  EXPECT_EQ(told.modules.size(), 1u);
  EXPECT_TRUE(told.notes.empty());
}

}  // namespace
}  // namespace ntstack::capture
