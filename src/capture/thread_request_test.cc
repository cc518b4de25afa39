#include "capture/thread_request.h"

#include <gtest/gtest.h>

namespace ntstack::capture {
namespace {

ProcessFacts process() {
  ProcessFacts process;
  process.id = 0x1a2c;
  process.name = "w3wp.exe";
  // ID, state, wait reason
  const std::uint32_t threads[][3] = {
      {10, 5, 0}, {14, 5, 27}, {18, 1, 27}, {22, 2, 0}, {26, 5, 27}};
  for (const auto& [id, state, reason] : threads) {
    ThreadFacts thread;
    thread.id = id;
    thread.process_id = process.id;
    thread.state = static_cast<std::uint8_t>(state);
    thread.wait_reason = static_cast<std::uint8_t>(reason);
    process.threads.push_back(thread);
  }
  return process;
}

std::vector<std::uint32_t> ids(const base::Result<ChosenThreads>& chosen) {
  std::vector<std::uint32_t> found;
  EXPECT_TRUE(chosen) << (chosen ? "" : chosen.error().text());
  if (chosen)
    for (const ThreadFacts& thread : chosen->threads) found.push_back(thread.id);
  return found;
}
using Ids = std::vector<std::uint32_t>;

TEST(ThreadRequest, WithNothingAskedForAllThreadsComeInTheSystemsOrder) {
  const auto chosen = choose_threads(process(), {});
  EXPECT_EQ(ids(chosen), (Ids{10, 14, 18, 22, 26}));
  EXPECT_EQ(chosen->first, 0u);
}

TEST(ThreadRequest, WhatIsAskedForComesFirstAndEachThreadOnce) {
  auto request = *thread_request_of({"26", "0xa", "26"}, "wrresource", "");
  const auto chosen = choose_threads(process(), request);
  EXPECT_EQ(ids(chosen), (Ids{26, 10, 14, 18, 22}));
  EXPECT_EQ(chosen->first, 3u);
  request.only = true;
  EXPECT_EQ(ids(choose_threads(process(), request)), (Ids{26, 10, 14}));
}

// KTHREAD.WaitReason of a thread that does not wait is that of its last wait.
TEST(ThreadRequest, AWaitReasonCountsForThreadsThatWait) {
  auto request = *thread_request_of({}, "WrResource", "");
  request.only = true;
  EXPECT_EQ(ids(choose_threads(process(), request)), (Ids{14, 26}));
}

TEST(ThreadRequest, AllConditionsHoldOfAThreadThatIsTaken) {
  auto request = *thread_request_of({}, "", "waiting");
  request.only = true;
  request.has_frame = [](const ThreadFacts& thread) { return thread.id >= 14; };
  EXPECT_EQ(ids(choose_threads(process(), request)), (Ids{14, 26}));
  request.state.reset();
  EXPECT_EQ(ids(choose_threads(process(), request)), (Ids{14, 18, 22, 26}));
}

TEST(ThreadRequest, WhatIsNoIdOrNameOrNotThereIsNamed) {
  const auto text = [](const auto& result) { return result ? "" : result.error().text(); };
  EXPECT_NE(text(thread_request_of({"ten"}, "", "")).find("\"ten\""), std::string::npos);
  EXPECT_NE(text(thread_request_of({"0x"}, "", "")).find("--thread"), std::string::npos);
  EXPECT_NE(text(thread_request_of({}, "Lunch", "")).find("\"Lunch\""), std::string::npos);
  EXPECT_NE(text(thread_request_of({}, "", "Asleep")).find("\"Asleep\""), std::string::npos);
  EXPECT_NE(text(choose_threads(process(), *thread_request_of({"11"}, "", ""))).find("thread 11"),
            std::string::npos);
  EXPECT_NE(text(choose_threads(process(), *thread_request_of({}, "PageIn", "")))
                .find("waiting for PageIn"),
            std::string::npos);
  ProcessFacts ended = process();
  ended.threads.clear();
  EXPECT_NE(text(choose_threads(ended, {})).find("has ended"), std::string::npos);
}

TEST(ThreadRequest, ProcessesWithoutHandlesToTheirThreadsAreRefusedWithAnotherWay) {
  ProcessFacts system = process();
  EXPECT_TRUE(check_capturable(system, 77));
  EXPECT_FALSE(check_capturable(system, system.id));
  for (const std::uint32_t id : {0u, 4u}) {
    system.id = id;
    const auto checked = check_capturable(system, 77);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().text().find("live dump"), std::string::npos);
  }
}

}  // namespace
}  // namespace ntstack::capture
