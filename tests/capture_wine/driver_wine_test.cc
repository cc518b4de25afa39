// ntstack.exe and the real ntstack.sys, under Wine: the service's commands, and what the driver
// answers. Wine looks up no thread by its handle for a driver, so of captures the asking thread's
// alone works there.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

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
    if (!fs::exists(prefix() / "drive_c" / "windows")) {
      fs::create_directories(prefix());
      run(environment() + "wineboot --init >/dev/null 2>&1; " + environment() + "wineserver -w");
    }
    drive("n:", program().parent_path());
    drive("o:", binary_dir());
  }
  // A folder as a drive: Wine's cmd reads a script in an old code page, and names of folders may
  // have any character.
  static void drive(const char* letter, const fs::path& folder) {
    const fs::path link = prefix() / "dosdevices" / letter;
    fs::remove(link);
    fs::create_directory_symlink(folder, link);
  }
  // As the driver's own Wine test: a server that stays would keep the host of a driver that was
  // stopped, and the next start would wait for it.
  static fs::path prefix() { return binary_dir() / "wine_driver_commands"; }
  static std::string environment() {
    return "WINEDEBUG=-all DISPLAY= WINEPREFIX=" + quoted(prefix()) + " ";
  }
  // The commands one after the other in one session, what each prints behind its own name.
  static std::string session(const std::vector<std::string>& commands) {
    std::ofstream script(prefix() / "drive_c" / "session.cmd", std::ios::binary);
    script << "@echo off\r\n";
    for (const std::string& command : commands)
      script << "echo == " << command << "\r\nN:\\ntstack.exe " << command
             << " 2>&1\r\necho code %ERRORLEVEL%\r\n";
    script.close();
    return run(environment() + "wine cmd /c 'C:\\session.cmd' </dev/null 2>/dev/null; " +
               environment() + "wineserver -w")
        .out;
  }
};

TEST_F(DriverWineTest, TheDriverIsInstalledStartedTriedStoppedAndRemoved) {
  const std::string install = "driver install --from O:\\driver\\x64\\ntstack.sys";
  const std::string said =
      session({"driver remove", install, "driver status", "driver start", "driver status", "doctor",
               "crash --yes-crash-this-machine", "driver stop", "driver remove"});
  std::size_t at = 0;
  for (const char* part :
       {"== driver remove", "== driver install", "\\driver\\x64\\ntstack.sys",
        "code 0",           "== driver status",  "not running",
        "code 1",           "== driver start",   "running: version 1, x64",
        "code 0",           "== driver status",  "of the thread that asks",
        "code 0",           "== doctor",         "the optional driver runs: version 1",
        "== crash",         "nothing was done",  "code 1",
        "== driver stop",   "stopped",           "code 0",
        "== driver remove", "removed",           "code 0"}) {
    const std::size_t found = said.find(part, at);
    ASSERT_NE(found, std::string::npos) << part << " in\n" << said;
    at = found;
  }
}

}  // namespace
}  // namespace ntstack::tests
