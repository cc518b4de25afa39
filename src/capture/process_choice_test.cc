#include "capture/process_choice.h"

#include <gtest/gtest.h>

namespace ntstack::capture {
namespace {

std::vector<ProcessFacts> processes() {
  std::vector<ProcessFacts> list(4);
  list[0].id = 4, list[0].name = "System";
  list[1].id = 4712, list[1].name = "w3wp.exe";
  list[2].id = 4716, list[2].name = "W3WP.exe";
  list[3].id = 5000, list[3].name = "4712";
  for (ProcessFacts& process : list) process.threads.resize(1);
  return list;
}

TEST(ProcessChoice, AnIdComesBeforeANameOfTheSameText) {
  const auto found = processes_named(processes(), "4712");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, "w3wp.exe");
  EXPECT_EQ(processes_named(processes(), "0x1268").front().id, 4712u);
}

TEST(ProcessChoice, ANameIsTakenInAnyCaseWithOrWithoutItsExtension) {
  EXPECT_EQ(processes_named(processes(), "w3wp").size(), 2u);
  EXPECT_EQ(processes_named(processes(), "W3wp.EXE").size(), 2u);
  EXPECT_EQ(processes_named(processes(), "system").size(), 1u);
  EXPECT_TRUE(processes_named(processes(), "w3").empty());
  EXPECT_TRUE(processes_named(processes(), "").empty());
  EXPECT_TRUE(processes_named(processes(), "99999999999").empty());
}

TEST(ProcessChoice, TheListNamesEachWithItsId) {
  EXPECT_EQ(list_text(processes_named(processes(), "w3wp")),
            "  w3wp.exe (process 4712), 1 thread\n  W3WP.exe (process 4716), 1 thread\n");
}

}  // namespace
}  // namespace ntstack::capture
