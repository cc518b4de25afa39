#include "capture/driver_client.h"

#include <gtest/gtest.h>

#include <cstring>

#include "capture/fake_system.h"
#include "capture/status_text.h"

namespace ntstack::capture {
namespace {

using Data = std::vector<std::byte>;

constexpr std::uint64_t kLow = 0xffffe10d62388000, kHigh = kLow + 0x6000, kSp = kHigh - 0x40;

// Two threads of the first: three frames and 0x40 bytes of stack; the second did not answer.
struct Answer {
  driver::CaptureOut head{sizeof head, driver::kVersion, 0x8664, 2};
  driver::ThreadOut threads[2] = {};
  std::uint64_t frames[3] = {0xfffff80000001000, 0xfffff80000002000, 0xfffff80000003000};
  std::byte stack[0x40] = {};
  driver::OlderStack older[2] = {};
  std::byte older_bytes[0x20] = {};

  Answer() {
    driver::ThreadOut& first = threads[0];
    first.process_id = 4711;
    first.thread_id = 12;
    first.time = 99;
    first.stack_low = kLow;
    first.stack_high = kHigh;
    first.registers.ip = frames[0];
    first.registers.sp = kSp;
    first.registers.saved[0] = 7;
    first.frames_offset = offsetof(Answer, frames);
    first.frame_count = 3;
    first.stack_offset = offsetof(Answer, stack);
    first.stack_size = sizeof stack;
    first.hash = 0x6000;
    first.older_offset = offsetof(Answer, older);
    older[0] = {kLow - 0x10000,
                kLow - 0x8000,
                kLow - 0x8010,
                offsetof(Answer, older_bytes),
                0x10,
                offsetof(Answer, older) + sizeof(driver::OlderStack),
                0};
    older[1] = {kLow - 0x20000,
                kLow - 0x18000,
                kLow - 0x18010,
                offsetof(Answer, older_bytes) + 0x10,
                0x10,
                0,
                0};
    threads[1].status = 0x102;
    threads[1].thread_id = 16;
    for (std::size_t i = 0; i < sizeof stack; ++i) stack[i] = static_cast<std::byte>(i);
  }
  Data bytes() const {
    Data bytes(sizeof *this);
    std::memcpy(bytes.data(), this, sizeof *this);
    return bytes;
  }
};

std::string error_of(const Answer& answer, std::size_t asked = 2) {
  const Data bytes = answer.bytes();
  const auto read = read_driver_answer(base::Bytes(bytes), asked);
  return read ? "" : read.error().text();
}

TEST(DriverClient, AnAnswerIsReadAsItWasWritten) {
  const Answer answer;
  const Data bytes = answer.bytes();
  const auto read = read_driver_answer(base::Bytes(bytes), 2);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->architecture, base::Architecture::x64);
  ASSERT_EQ(read->threads.size(), 2u);
  const DriverThread& first = read->threads[0];
  EXPECT_EQ(first.status, kSuccess);
  EXPECT_EQ(first.process_id, 4711u);
  EXPECT_EQ(first.thread_id, 12u);
  EXPECT_EQ(first.time, 99u);
  EXPECT_EQ(first.stack_high, kHigh);
  EXPECT_EQ(first.registers.saved[0], 7u);
  EXPECT_EQ(first.frames, (std::vector<std::uint64_t>{0xfffff80000001000, 0xfffff80000002000,
                                                      0xfffff80000003000}));
  EXPECT_EQ(first.stack.size(), 0x40u);
  EXPECT_EQ(first.stack.get<std::uint8_t>(0x3f), 0x3f);
  ASSERT_EQ(first.older.size(), 2u);
  EXPECT_EQ(first.older[1].sp, kLow - 0x18010);
  EXPECT_EQ(first.older[1].bytes.size(), 0x10u);
  EXPECT_EQ(read->threads[1].status, 0x102u);
}

TEST(DriverClient, AnAnswerThatIsCutAnywhereIsAnError) {
  const Data bytes = Answer().bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read_driver_answer(base::Bytes(bytes.data(), size), 2)) << size;
}

TEST(DriverClient, EachWrongFieldIsAnErrorThatNamesIt) {
  const auto with = [](auto change) {
    Answer answer;
    change(answer);
    return error_of(answer);
  };
  EXPECT_NE(with([](Answer& a) { a.head.version = 2; }).find("speaks version 2"),
            std::string::npos);
  EXPECT_NE(with([](Answer& a) { a.head.size = 20; }), "");
  EXPECT_NE(with([](Answer& a) { a.head.architecture = 0x1c4; }), "");
  EXPECT_NE(with([](Answer& a) { a.head.thread_count = 3; }), "");
  EXPECT_NE(error_of({}, 1), "");
  EXPECT_NE(error_of({}, 513), "");
  EXPECT_NE(with([](Answer& a) { a.older[1].next_offset = a.older[0].next_offset; }), "");
  EXPECT_NE(with([](Answer& a) { a.older[0].next_offset = 1; }), "");
  EXPECT_NE(with([](Answer& a) { a.older[0].next_offset = UINT32_MAX; }), "");
  EXPECT_NE(with([](Answer& a) { a.older[0].size = 0x18; }), "");
  EXPECT_NE(with([](Answer& a) { a.older[0].sp = 0; }), "");
  EXPECT_NE(with([](Answer& a) { a.threads[1].older_offset = a.threads[0].older_offset; }), "");
  const auto with_first = [&](auto change) {
    return with([&](Answer& answer) { change(answer.threads[0]); });
  };
  using Thread = driver::ThreadOut;
  EXPECT_NE(with_first([](Thread& t) { t.frame_count = UINT32_MAX; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.frames_offset = 0; }), "") << "in the head";
  EXPECT_NE(with_first([](Thread& t) { t.frames_offset = UINT32_MAX; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.stack_size = UINT32_MAX; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.stack_offset = UINT32_MAX - 8; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.stack_high = t.stack_low; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.stack_low = kHigh + 1; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.registers.sp = kLow - 8; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.registers.sp = kHigh + 8; }), "");
  EXPECT_NE(with_first([](Thread& t) { t.status = 0xc0000022; }), "") << "with its stack";
}

// 512 threads that all name the same bytes would be 16 MB of 32 KB.
TEST(DriverClient, BytesThatManyThreadsNameAreNotTakenManyTimes) {
  Answer answer;
  answer.threads[1] = answer.threads[0];
  EXPECT_NE(error_of(answer).find("over others"), std::string::npos);
}

TEST(DriverClient, ARequestIsThePublishedStructureAndTheHandles) {
  const Handle handles[] = {0x1c, 0x20, 0x24};
  const DriverRequest request{handles, 1500, 2, 64, 0x6000};
  const Data bytes = request.bytes();
  ASSERT_EQ(bytes.size(), 32 + 3 * 8u);
  std::uint32_t words[8];
  std::memcpy(words, bytes.data(), sizeof words);
  const std::uint32_t right[8] = {32, 1, 0, 3, 1500, 2, 64, 0x6000};
  EXPECT_TRUE(std::ranges::equal(words, right));
  EXPECT_EQ(base::Bytes(bytes).get<std::uint64_t>(48), 0x24u);
  EXPECT_EQ(request.room(), 16 + 3 * (184 + 64 * 8 + 0x6000u));
  EXPECT_EQ(base::Bytes(DriverRequest{{}, 100, 0, 16, 0}.bytes()).get<std::uint32_t>(8),
            driver::kOfCallingThread);
}

TEST(DriverClient, ACallHasNoMoreThreadsThanTheDriverTakes) {
  EXPECT_EQ(most_threads_in_a_call(64, 0), 512u);
  EXPECT_EQ(most_threads_in_a_call(128, 0x8000), 512u);
  EXPECT_EQ(most_threads_in_a_call(128, 0x40000), 127u);
  EXPECT_EQ(most_threads_in_a_call(0, 0), 512u);
}

Status answer_query(std::span<std::byte> out, std::uint32_t& returned, std::uint32_t version) {
  const driver::QueryOut query{sizeof query, version, 0x8664, driver::kCanCrash, 2, 1};
  std::memcpy(out.data(), &query, sizeof query);
  returned = sizeof query;
  return kSuccess;
}

TEST(DriverClient, OpeningTellsTheVersionAndTheRest) {
  FakeSystem system;
  system.device = [](std::uint32_t code, auto, auto out, std::uint32_t& returned) {
    return code == driver::kControlQuery ? answer_query(out, returned, 1) : kInvalidParameter;
  };
  {
    const auto driver = Driver::open(system);
    ASSERT_TRUE(driver) << driver.error().text();
    EXPECT_TRUE(driver->facts().can_crash);
    EXPECT_FALSE(driver->facts().can_remove_apcs);
    EXPECT_EQ(driver->facts().abandoned, 2u);
    EXPECT_NE(driver_text(driver->facts()).find("until the next restart"), std::string::npos);
  }
  EXPECT_TRUE(system.open_handles.empty());
}

TEST(DriverClient, WhatIsInTheWayIsSaidWithItsRemedy) {
  FakeSystem system;
  const auto why = [&] {
    const auto driver = Driver::open(system);
    EXPECT_TRUE(system.open_handles.empty());
    return driver ? std::string() : driver.error().text();
  };
  EXPECT_NE(why().find("ntstack driver start"), std::string::npos);
  system.device_status = kAccessDenied;
  EXPECT_NE(why().find("elevated prompt"), std::string::npos);
  system.device = [](auto, auto, auto out, std::uint32_t& returned) {
    return answer_query(out, returned, 7);
  };
  EXPECT_NE(why().find("speaks version 7"), std::string::npos);
  system.device = [](auto, auto, auto, std::uint32_t&) { return kSuccess; };
  EXPECT_NE(why().find("something else"), std::string::npos);
  system.device = [](auto, auto, auto, std::uint32_t& returned) {
    returned = 0xffffffff;
    return kSuccess;
  };
  EXPECT_NE(why(), "");
}

TEST(DriverClient, AnAnswerLargerThanItsBufferIsAnError) {
  FakeSystem system;
  system.device = [](std::uint32_t code, auto, auto out, std::uint32_t& returned) {
    if (code == driver::kControlQuery) return answer_query(out, returned, 1);
    returned = static_cast<std::uint32_t>(out.size()) + 1;
    return kSuccess;
  };
  auto driver = Driver::open(system);
  ASSERT_TRUE(driver);
  std::vector<std::byte> buffer;
  Status status = kUnsuccessful;
  EXPECT_FALSE(driver->capture({{}, 100, 0, 8, 0}, buffer, status));
  EXPECT_EQ(status, kSuccess);
}

}  // namespace
}  // namespace ntstack::capture
