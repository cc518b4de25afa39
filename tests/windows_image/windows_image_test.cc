// ntstack.exe as a file: what protects it, which DLLs it is loaded with, its version and manifest.
// Read by llvm-readobj; the resources' text is looked for in the bytes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

fs::path program() { return source_dir() / "build/windows-x64/ntstack.exe"; }

class WindowsImageTest : public testing::Test {
 protected:
  void SetUp() override {
    if (find_tool("llvm-readobj-19").empty()) GTEST_SKIP() << "not installed: llvm-readobj-19";
    if (!fs::exists(program())) GTEST_SKIP() << "not built: ntstack.exe (make windows)";
  }

  static std::string readobj(const std::string& options) {
    const ToolResult result = run("llvm-readobj-19 " + options + " " + quoted(program()));
    EXPECT_EQ(result.exit_code, 0);
    return result.out;
  }
  static bool has(const std::string& text, const std::string& what) {
    return text.find(what) != std::string::npos;
  }
  static std::string bytes() {
    std::ifstream stream(program(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static std::string utf16(const std::string& text) {
    std::string wide;
    for (const char c : text) wide += {c, '\0'};
    return wide;
  }
};

TEST_F(WindowsImageTest, ItsAddressesAreRandomAndItsDataIsNotExecutable) {
  const std::string headers = readobj("--file-headers");
  EXPECT_TRUE(has(headers, "IMAGE_DLL_CHARACTERISTICS_DYNAMIC_BASE"));
  EXPECT_TRUE(has(headers, "IMAGE_DLL_CHARACTERISTICS_HIGH_ENTROPY_VA"));
  EXPECT_TRUE(has(headers, "IMAGE_DLL_CHARACTERISTICS_NX_COMPAT"));
  EXPECT_FALSE(has(headers, "IMAGE_FILE_RELOCS_STRIPPED"));
  EXPECT_TRUE(has(headers, "IMAGE_FILE_LARGE_ADDRESS_AWARE"));
  EXPECT_TRUE(has(readobj("--sections"), ".reloc")) << "without relocations it can't be moved";
}

TEST_F(WindowsImageTest, NoSectionIsBothWrittenAndExecuted) {
  std::istringstream lines(readobj("--sections"));
  bool executes = false;
  std::string name;
  for (std::string line; std::getline(lines, line);) {
    if (has(line, "Name:")) {
      name = line;
      executes = false;
    }
    executes = executes || has(line, "IMAGE_SCN_MEM_EXECUTE");
    EXPECT_FALSE(executes && has(line, "IMAGE_SCN_MEM_WRITE")) << name;
  }
}

TEST_F(WindowsImageTest, OnlyDllsThatEveryWindowsHasAreLoadedWithIt) {
  const std::set<std::string> allowed = {"KERNEL32.dll", "ADVAPI32.dll", "msvcrt.dll", "ntdll.dll"};
  std::istringstream lines(readobj("--coff-imports"));
  std::size_t imported = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find("Name: ");
    if (at == std::string::npos || line.find(".dll") == std::string::npos) continue;
    ++imported;
    EXPECT_TRUE(allowed.contains(line.substr(at + 6))) << line;
  }
  EXPECT_GE(imported, 2u);
}

TEST_F(WindowsImageTest, ItCarriesTheProjectsVersion) {
  EXPECT_TRUE(has(readobj("--coff-resources"), "VERSIONINFO"));
  const std::string file = bytes();
  EXPECT_TRUE(has(file, utf16(std::string("ProductVersion") + '\0')));
  EXPECT_TRUE(has(file, utf16(NTSTACK_VERSION + std::string(1, '\0'))));
  EXPECT_TRUE(has(file, utf16("ntstack.exe")));
}

TEST_F(WindowsImageTest, ItsManifestAsksForNoRightsAndHasUtf8AndLongPaths) {
  const std::string resources = readobj("--coff-resources");
  EXPECT_TRUE(has(resources, "MANIFEST"));
  const std::string file = bytes();
  const std::size_t begin = file.find("<assembly ");
  ASSERT_NE(begin, std::string::npos);
  const std::string manifest = file.substr(begin, file.find("</assembly>", begin) - begin);
  EXPECT_TRUE(has(manifest, "level=\"asInvoker\" uiAccess=\"false\""));
  EXPECT_TRUE(has(manifest, ">UTF-8</activeCodePage>"));
  EXPECT_TRUE(has(manifest, ">true</longPathAware>"));
  EXPECT_TRUE(has(manifest, "{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}")) << "Windows 10 and later";
  EXPECT_TRUE(has(manifest, "version=\"" NTSTACK_VERSION ".0\""));
}

}  // namespace
}  // namespace ntstack::tests
