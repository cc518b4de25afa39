#include "store/absent.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tool.h"

namespace ntstack::store {
namespace {

namespace fs = std::filesystem;

class Absent : public testing::Test {
 protected:
  const fs::path& store() const { return folder_.path(); }
  // The one thing remembered is made so much older (or, below zero, younger).
  void age_by(std::chrono::minutes time) const {
    for (const auto& file : fs::directory_iterator(store() / ".ntstack/absent"))
      fs::last_write_time(file, fs::last_write_time(file) - time);
  }
  tests::TemporaryFolder folder_;
};

TEST_F(Absent, IsRememberedUntilItIsForgotten) {
  EXPECT_FALSE(is_known_absent(store(), "s\na/1"));
  remember_absent(store(), "s\na/1");
  EXPECT_TRUE(is_known_absent(store(), "s\na/1"));
  EXPECT_FALSE(is_known_absent(store(), "s\na/2"));
  forget_absent(store(), "s\na/1");
  EXPECT_FALSE(is_known_absent(store(), "s\na/1"));
}

TEST_F(Absent, ExpiresAfterADay) {
  remember_absent(store(), "a");
  age_by(std::chrono::hours(23));
  EXPECT_TRUE(is_known_absent(store(), "a"));
  age_by(std::chrono::hours(2));
  EXPECT_FALSE(is_known_absent(store(), "a"));
}

TEST_F(Absent, OfTheFutureIsNoFact) {
  remember_absent(store(), "a");
  age_by(-std::chrono::hours(1));
  EXPECT_FALSE(is_known_absent(store(), "a"));
}

TEST_F(Absent, AnotherTextOfTheSameHashIsNotTakenForIt) {
  remember_absent(store(), "a");
  for (const auto& file : fs::directory_iterator(store() / ".ntstack/absent"))
    std::ofstream(file.path()) << "b";
  EXPECT_FALSE(is_known_absent(store(), "a"));
}

TEST_F(Absent, AStoreThatCantBeWrittenRemembersNothing) {
  std::ofstream(store() / "file") << "no folder";
  remember_absent(store() / "file", "a");
  EXPECT_FALSE(is_known_absent(store() / "file", "a"));
}

}  // namespace
}  // namespace ntstack::store
