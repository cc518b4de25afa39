// ntstack.exe and the real ntstack.sys, under Wine: the service's commands, and what the driver
// answers. Wine looks up no thread by its handle for a driver, so of captures the asking thread's
// alone works there.
#include <gtest/gtest.h>

#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

fs::path program() { return source_dir() / "build/windows-x64/ntstack.exe"; }
fs::path driver() { return binary_dir() / "driver/x64/ntstack.sys"; }

class DriverWineTest : public testing::Test {
 protected:
  void SetUp() override {
    if (run("wine --version 2>/dev/null").exit_code != 0) GTEST_SKIP() << "no Wine";
    for (const fs::path& file : {program(), driver()})
      if (!fs::exists(file)) GTEST_SKIP() << file << " is not built";
    if (run("command -v wineserver >/dev/null").exit_code == 0) ntstack("driver remove");
  }
  void TearDown() override {
    if (fs::exists(program()) && fs::exists(driver())) ntstack("driver remove");
  }
  ToolResult ntstack(const std::string& arguments) {
    return run("WINEDEBUG=-all DISPLAY= WINEPREFIX=" + quoted(binary_dir() / "wine") + " wine " +
               quoted(program()) + " " + arguments + " 2>&1");
  }
  // Wine's service manager, just booted or after a service was removed, may refuse a driver for
  // reasons that are its own: it is slow, its list is locked, or two lists of it differ.
  static bool is_wines_own(const ToolResult& result) {
    return has(result, "error 1053") || has(result, "error 1055") || has(result, "error 1060");
  }
  static bool has(const ToolResult& result, const char* part) {
    return result.out.find(part) != std::string::npos;
  }
};

TEST_F(DriverWineTest, TheDriverIsInstalledStartedTriedStoppedAndRemoved) {
  const ToolResult installed =
      ntstack("driver install --from " + quoted(fs::path("Z:" + driver().string())));
  ASSERT_EQ(installed.exit_code, 0) << installed.out;
  EXPECT_TRUE(has(installed, "\\driver\\x64\\ntstack.sys")) << installed.out;
  EXPECT_EQ(ntstack("driver status").exit_code, 1);
  ToolResult started = ntstack("driver start");
  if (is_wines_own(started)) started = ntstack("driver start");
  if (is_wines_own(started)) GTEST_SKIP() << "Wine did not start it: " << started.out;
  ASSERT_EQ(started.exit_code, 0) << started.out;
  EXPECT_TRUE(has(started, "running: version 1, x64")) << started.out;
  const ToolResult status = ntstack("driver status");
  EXPECT_EQ(status.exit_code, 0) << status.out;
  EXPECT_TRUE(has(status, "of the thread that asks")) << status.out;
  EXPECT_TRUE(has(ntstack("doctor"), "the optional driver runs: version 1")) << status.out;
  const ToolResult crash = ntstack("crash --yes-crash-this-machine");
  EXPECT_EQ(crash.exit_code, 1);
  EXPECT_TRUE(has(crash, "nothing was done")) << crash.out;
  EXPECT_EQ(ntstack("driver stop").exit_code, 0);
  EXPECT_EQ(ntstack("driver status").exit_code, 1);
  EXPECT_EQ(ntstack("driver remove").exit_code, 0);
}

}  // namespace
}  // namespace ntstack::tests
