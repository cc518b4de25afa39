#include "base/partial.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/text.h"

namespace ntstack::base {
namespace {

namespace fs = std::filesystem;

class PartialTest : public testing::Test {
 protected:
  PartialTest() { fs::create_directories(folder_); }
  ~PartialTest() override { fs::remove_all(folder_); }

  fs::path put(const std::string& name, const std::string& text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(path_text(entry.path().filename()));
    std::ranges::sort(names);
    return names;
  }

  fs::path folder_ = fs::path(testing::TempDir()) / ("partial" + std::to_string(::getpid()));
};

TEST_F(PartialTest, WhatDoesNotBecomeWholeGoes) {
  {
    auto partial = Partial::beside(folder_ / "page");
    ASSERT_TRUE(partial);
    EXPECT_EQ(partial->path(), folder_ / "page.partial");
    put("page.partial", "half");
    EXPECT_EQ(names(), (std::vector<std::string>{"page.partial", "page.partial.lock"}));
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(PartialTest, TwoAtATimeHaveNamesOfTheirOwnAndTheLastOneStays) {
  auto one = Partial::beside(folder_ / "page");
  auto other = Partial::beside(folder_ / "page");
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->path(), other->path());
  put(path_text(one->path().filename()), "one");
  put(path_text(other->path().filename()), "other");
  ASSERT_TRUE(other->become(folder_ / "page"));
  ASSERT_TRUE(one->become(folder_ / "page"));
  EXPECT_EQ(text_of(folder_ / "page"), "one");
}

TEST_F(PartialTest, OfKilledProcessesWhatHasNoDumpGoes) {
  put("a.zip.partial", "half");
  put("a.zip.partial.lock", "");
  put("b.partial/b.dmp", "dump");
  put("b.partial.lock", "");
  put("c.partial/capture.json", "{}");
  put("c.partial.lock", "");
  put("somebody's.partial", "of another program");
  const auto alive = Partial::beside(folder_ / "d");
  ASSERT_TRUE(alive);
  put("d.partial", "being written");
  EXPECT_EQ(sweep_partials(folder_), std::vector<fs::path>{folder_ / "b.partial"});
  EXPECT_EQ(names(), (std::vector<std::string>{"b.partial", "d.partial", "d.partial.lock",
                                               "somebody's.partial"}));
}

TEST_F(PartialTest, AFileWrittenOverKeepsItsRightsAndItsLinks) {
  const fs::path file = put("page", "old");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("page", folder_ / "link");
  ASSERT_TRUE(write_whole(folder_ / "link", Bytes::of("new")));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(text_of(file), "new");
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(PartialTest, AFolderThatIsNotThereIsNotMade) {
  EXPECT_FALSE(write_whole(folder_ / "no" / "page", Bytes::of("lost")));
  EXPECT_FALSE(fs::exists(folder_ / "no"));
}

TEST_F(PartialTest, ADeviceStaysOne) {
  ASSERT_TRUE(write_whole("/dev/null", Bytes::of("gone")));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_FALSE(write_whole("/dev/full", Bytes::of("gone")));
}

}  // namespace
}  // namespace ntstack::base
