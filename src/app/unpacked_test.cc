// Zips as folders: what is unpacked, under which names, and that nothing stays. Python's zipfile
// writes them.
#include "app/unpacked.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "app/dump_set.h"
#include "base/text.h"
#include "test_files.h"
#include "tool.h"

namespace ntstack::app {
namespace {

namespace fs = std::filesystem;

class UnpackedTest : public testing::Test {
 protected:
  void SetUp() override {
    NTSTACK_NEED_TOOL(python, "python3");
    before_ = fs::temp_directory_path();
    fs::create_directory(folder_.path() / "tmp");
    ::setenv("TMPDIR", (folder_.path() / "tmp").c_str(), 1);
  }
  void TearDown() override {
    if (!before_.empty()) ::setenv("TMPDIR", before_.c_str(), 1);
  }

  // A zip that Python's `code` writes with z; `dump` is the sample's path.
  fs::path zip(const std::string& code) {
    const fs::path path = folder_.path() / "a.zip";
    const std::string whole =
        "import sys, zipfile, warnings\nwarnings.simplefilter('ignore')\ndump = sys.argv[2]\n"
        "z = zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED)\n" +
        code + "\nz.close()";
    const fs::path dump = tests::source_dir() / "samples/seed1/w3wp.dmp";
    EXPECT_EQ(tests::run("python3 -c " + tests::quoted(whole) + " " + tests::quoted(path) + " " +
                         tests::quoted(dump))
                  .exit_code,
              0);
    return path;
  }
  std::set<std::string> left() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "tmp"))
      names.insert(entry.path().filename().string());
    return names;
  }
  std::string error_of(const std::string& code) {
    const auto unpacked = Unpacked::open(zip(code));
    return unpacked ? "" : unpacked.error().text();
  }

  tests::TemporaryFolder folder_;
  fs::path before_;
};

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

TEST_F(UnpackedTest, DumpsAndTheCaptureAreUnpackedAndGoWithTheObject) {
  {
    const auto unpacked = Unpacked::open(
        zip("for n in ('X/', 'X/a.dmp', 'X/B.KDMP', 'X/capture.json', 'X/run.exe', 'X/stacks.txt'):"
            " z.writestr(n, n)"));
    ASSERT_TRUE(unpacked) << unpacked.error().text();
    const std::set<std::string> wanted{"a.dmp", "B.KDMP", "capture.json"};
    EXPECT_EQ(names_in(unpacked->folder()), wanted);
    EXPECT_TRUE(unpacked->notes().empty());
    EXPECT_EQ(fs::status(unpacked->folder()).permissions(), fs::perms::owner_all);
    EXPECT_EQ(unpacked->named("x " + unpacked->folder().string() + "/a.dmp"),
              "x " + (folder_.path() / "a.zip").string() + "/a.dmp");
  }
  EXPECT_TRUE(left().empty());
}

TEST_F(UnpackedTest, NamesThatLeadElsewhereAreLeftOutAndSaid) {
  const auto unpacked = Unpacked::open(
      zip("for n in ('good.dmp', '../up.dmp', '/abs.dmp', 'C:/x.dmp', 'a/b/deep.dmp', 'con.dmp',"
          " 'x:y.dmp', 'n\\1l.dmp', '..\\\\up2.dmp', 'GOOD.dmp'): z.writestr(n, n)"));
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  EXPECT_EQ(names_in(unpacked->folder()), std::set<std::string>{"good.dmp"});
  EXPECT_EQ(unpacked->notes().size(), 9u);
  EXPECT_FALSE(fs::exists(unpacked->folder().parent_path() / "up.dmp"));
  std::ifstream good(unpacked->folder() / "good.dmp");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(good), {}), "good.dmp");
}

TEST_F(UnpackedTest, ADamagedDumpIsLeftOutAndTheOthersAreUnpacked) {
  const std::string two = "z.writestr('a.dmp', 'x'); z.writestr('b.dmp', 'y')\n";
  const auto unpacked = Unpacked::open(zip(two + "z.filelist[0].CRC = 5"));
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  EXPECT_EQ(names_in(unpacked->folder()), std::set<std::string>{"b.dmp"});
  ASSERT_EQ(unpacked->notes().size(), 1u);
  EXPECT_NE(unpacked->notes()[0].find("left out: a.dmp"), std::string::npos);
}

TEST_F(UnpackedTest, ErrorsNameTheZipAndLeaveNothing) {
  const std::string name = (folder_.path() / "a.zip").string();
  const std::pair<std::string, std::string> cases[] = {
      {"", "no dump"},
      {"z.writestr('readme.txt', 'x')", "no dump"},
      {"z.writestr('a.dmp', 'x')\nz.filelist[0].CRC = 5", "a.dmp: it is damaged"},
      {"z.writestr('a.dmp', 'x')\nz.filelist[0].file_size = 1 << 60", "free"},
      {"for n in 'ab':\n  z.writestr(n + '.dmp', 'x')\n  z.filelist[-1].file_size = (1 << 64) - 1",
       "free"},
      {"z.writestr('a.dmp', 'x')\nz.filelist[0].flag_bits |= 1", "a.dmp is encrypted"}};
  for (const auto& [code, what] : cases) {
    const std::string error = error_of(code);
    EXPECT_NE(error.find(what), std::string::npos) << code << error;
    EXPECT_NE(error.find(name), std::string::npos) << code << error;
    EXPECT_TRUE(left().empty()) << code;
  }
}

TEST_F(UnpackedTest, AnOpenedSetKeepsTheFolderAndLetsItGo) {
  const std::string path = zip("z.write(dump, 'X/w3wp.dmp')\nz.writestr('X/bad.dmp', 'no dump')");
  {
    UnpackedZips unpacked;
    DumpOptions options;
    options.unpacked = &unpacked;
    const auto first = open_dumps({path}, options);
    ASSERT_TRUE(first) << first.error().text();
    const auto second = open_dumps({path}, options);
    ASSERT_TRUE(second);
    EXPECT_EQ(first->sessions.size(), 1u);
    EXPECT_EQ(first->unpacked, second->unpacked);
    ASSERT_EQ(first->notes.size(), 1u);
    EXPECT_NE(first->notes[0].find(path + "/bad.dmp"), std::string::npos) << first->notes[0];
    EXPECT_EQ(left().size(), 2u);  // the folder, and its lock
  }
  EXPECT_TRUE(left().empty());
  const auto none = open_dumps({zip("z.writestr('X/bad.dmp', 'no dump')").string()}, {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().text().find(path + "/bad.dmp"), std::string::npos) << none.error().text();
  EXPECT_EQ(none.error().text().find("ntstack-"), std::string::npos) << none.error().text();
  EXPECT_TRUE(left().empty());
}

TEST_F(UnpackedTest, WhatAKilledProcessLeftGoesAndThatOfALivingOneStays) {
  const auto living = TemporaryPlace::make();
  ASSERT_TRUE(living);
  const auto parent = living->path().parent_path();
  const auto dead = parent / "ntstack-00000000deadbeef";
  std::filesystem::create_directories(dead);
  std::ofstream(dead / "big.dmp") << "dump";
  std::ofstream(parent / "ntstack-00000000deadbeef.lock");
  const auto next = TemporaryPlace::make();
  ASSERT_TRUE(next);
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_FALSE(std::filesystem::exists(parent / "ntstack-00000000deadbeef.lock"));
  EXPECT_TRUE(std::filesystem::exists(living->path()));
}

}  // namespace
}  // namespace ntstack::app
