// The same cabinets by both systems' libraries: libmspack here, cabinet.dll under Wine. They are
// gcab's, and the seeds of the fuzz target, one of which has LZX.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "test_files.h"
#include "tool.h"

namespace ntstack::tests {
namespace {

namespace fs = std::filesystem;

enum class System { here, wine };

fs::path program(System system) {
  if (system == System::here) return binary_dir() / "tests/cabinets/expand";
  return source_dir() / "build/windows-x64/tests/cabinets/expand.exe";
}

std::string read(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

struct Expanded {
  std::string said, bytes;
};

class CabinetsTest : public testing::TestWithParam<System> {
 protected:
  void SetUp() override {
    if (find_tool("gcab").empty()) GTEST_SKIP() << "not installed: gcab";
    if (GetParam() == System::wine && find_tool("wine").empty())
      GTEST_SKIP() << "not installed: wine";
    if (!fs::exists(program(GetParam())))
      GTEST_SKIP() << "not built: " << program(GetParam()) << " (make windows)";
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += std::to_string(i * 7919) + "\n";
    std::ofstream(folder_.path() / "a.pdb") << text;
    std::ofstream(folder_.path() / "b.pdb") << "of b";
  }

  fs::path cabinet(const std::string& options, const std::string& files) const {
    const auto made = run("cd " + quoted(folder_.path()) + " && gcab -c " + options + " made.cab " +
                          files + " 2>&1");
    EXPECT_EQ(made.exit_code, 0) << made.out;
    return folder_.path() / "made.cab";
  }

  Expanded expand(const fs::path& cabinet, const std::string& name,
                  const std::string& most = "100000000") const {
    std::string start;
    if (GetParam() == System::wine) {
      fs::create_directories(binary_dir() / "wine");
      start = "WINEDEBUG=-all DISPLAY= WINEPREFIX=" + quoted(binary_dir() / "wine") + " wine ";
    }
    const fs::path out = folder_.path() / "out";
    fs::remove(out);
    auto result = run(start + quoted(program(GetParam())) + " " + quoted(cabinet) + " " + name +
                      " " + most + " " + quoted(out) + " 2>/dev/null");
    std::string said = result.out;
    while (said.ends_with('\n') || said.ends_with('\r')) said.pop_back();
    return {said, read(out)};
  }

  TemporaryFolder folder_;
};

TEST_P(CabinetsTest, MsZipAndStoredFilesComeOutWhole) {
  for (const char* options : {"-z", ""}) {
    const Expanded expanded = expand(cabinet(options, "b.pdb a.pdb"), "A.PDB");
    EXPECT_EQ(expanded.said, "expanded");
    EXPECT_TRUE(expanded.bytes == read(folder_.path() / "a.pdb")) << expanded.bytes.size();
  }
}

TEST_P(CabinetsTest, LzxFilesComeOutWhole) {
  const Expanded expanded = expand(source_dir() / "fuzz/corpus/cabinet/lzx.cab", "a.pdb");
  EXPECT_EQ(expanded.said, "expanded");
  EXPECT_EQ(expanded.bytes, "a block of LZX, as it is");
}

TEST_P(CabinetsTest, TheOnlyFileIsTakenByAnyNameAndOfSeveralNoneIsGuessed) {
  EXPECT_EQ(expand(cabinet("-z", "b.pdb"), "other.pdb").bytes, "of b");
  EXPECT_EQ(expand(cabinet("-z", "a.pdb b.pdb"), "other.pdb").said,
            "none of the 2 files in the cabinet is called other.pdb");
}

TEST_P(CabinetsTest, MoreThanIsAllowedIsNotBegun) {
  const Expanded expanded = expand(cabinet("-z", "a.pdb"), "a.pdb", "1000");
  EXPECT_TRUE(expanded.said.starts_with("it would expand to ")) << expanded.said;
  EXPECT_EQ(expanded.bytes, "");
}

TEST_P(CabinetsTest, DamagedCabinetsAreErrors) {
  const fs::path made = cabinet("-z", "a.pdb");
  const std::string whole = read(made);
  std::string changed = whole;
  changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 1);
  const std::string damaged[] = {whole.substr(0, 36), whole.substr(0, whole.size() / 2),
                                 whole.substr(0, whole.size() - 1), changed, "MSCF"};
  for (const std::string& bytes : damaged) {
    std::ofstream(folder_.path() / "damaged.cab", std::ios::binary) << bytes;
    const Expanded expanded = expand(folder_.path() / "damaged.cab", "a.pdb");
    EXPECT_NE(expanded.said, "expanded");
    EXPECT_NE(expanded.said, "");
  }
}

std::string system_name(const testing::TestParamInfo<System>& info) {
  return info.param == System::here ? "Here" : "UnderWine";
}

INSTANTIATE_TEST_SUITE_P(Libraries, CabinetsTest, testing::Values(System::here, System::wine),
                         system_name);

}  // namespace
}  // namespace ntstack::tests
