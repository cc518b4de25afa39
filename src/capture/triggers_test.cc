// Waiting, on a machine whose clock and processes are the test's.
#include "capture/triggers.h"

#include <gtest/gtest.h>

#include "capture/fake_system.h"

namespace ntstack::capture {
namespace {

constexpr std::uint64_t kSecond = 10'000'000;  // 100 ns

class Clocked : public FakeSystem {
 public:
  std::uint64_t now = 0;
  std::function<void(Clocked&)> each_second;
  std::vector<std::string> windows;

  std::uint64_t milliseconds() override { return now; }
  void sleep(std::uint32_t milliseconds) override {
    now += milliseconds;
    if (each_second) each_second(*this);
  }
  std::vector<std::string> hung_windows(std::uint32_t) override { return windows; }
};

class Triggers : public testing::Test {
 protected:
  Triggers() {
    system.facts.processors = 4;
    ProcessFacts process;
    process.id = 7;
    process.create_time = 99;
    system.list = {process};
  }
  base::Result<std::string> wait() {
    const ProcessFacts process = system.list[0];
    return wait_for(
        system, process, trigger, [&](const std::string& text) { said = text; }, cancel);
  }
  Clocked system;
  Trigger trigger;
  std::atomic<bool> cancel = false;
  std::string said;
};

TEST_F(Triggers, LoadCountsOfAllProcessorsAndInARow) {
  trigger.cpu_percent = 50;
  std::uint64_t second = 0;
  system.each_second = [&](Clocked& s) {
    ++second;
    // Three processors of four, but for the fourth second.
    s.list[0].user_time += second == 4 ? 0 : 3 * kSecond;
  };
  const auto what = wait();
  ASSERT_TRUE(what);
  EXPECT_EQ(*what, "it used 50 % of all processors or more for 5 s");
  EXPECT_EQ(second, 9u);
  EXPECT_EQ(said, "75 % of all processors");
}

TEST_F(Triggers, AHungWindowCountsFromWhenItIsSeenWithoutAPause) {
  trigger.hang_seconds = 3;
  std::uint64_t second = 0;
  system.each_second = [&](Clocked& s) {
    ++second;
    s.windows.clear();
    if (second >= 2 && second != 4) s.windows = {"Untitled\n"};
  };
  const auto what = wait();
  ASSERT_TRUE(what);
  EXPECT_EQ(*what, "the window \"Untitled?\" has not answered for 3 s");
  EXPECT_EQ(second, 8u);
}

TEST_F(Triggers, AProcessThatEndsOrWhoseIdIsUsedAnewFails) {
  trigger.cpu_percent = 50;
  system.each_second = [](Clocked& s) { s.list[0].create_time = 100; };
  EXPECT_FALSE(wait());
  system.list[0].create_time = 99;
  system.each_second = [](Clocked& s) { s.list.clear(); };
  EXPECT_FALSE(wait());
}

TEST_F(Triggers, AreCancelled) {
  trigger.hang_seconds = 3;
  system.each_second = [&](Clocked&) { cancel = true; };
  const auto what = wait();
  ASSERT_TRUE(what);
  EXPECT_EQ(*what, "");
}

TEST(Durations, AreRead) {
  EXPECT_EQ(duration_of("5s"), 5000u);
  EXPECT_EQ(duration_of("500ms"), 500u);
  EXPECT_EQ(duration_of("2m"), 120'000u);
  EXPECT_EQ(duration_of("7"), 7000u);
  for (const char* text : {"", "s", "-1s", "5 s", "5x", "99999999999999999999s", "1e3"})
    EXPECT_FALSE(duration_of(text)) << text;
}

}  // namespace
}  // namespace ntstack::capture
