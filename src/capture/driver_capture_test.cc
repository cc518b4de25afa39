#include "capture/driver_capture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "capture/driver_stacks.h"
#include "capture/fake_system.h"
#include "capture/status_text.h"
#include "dump/kernel_stacks.h"

namespace ntstack::capture {
namespace {

constexpr std::uint32_t kProcess = 4711, kFirst = 1000;
constexpr std::uint64_t kStacks = 0xffffe10d00000000;

std::uint64_t base_of(std::uint32_t id) { return kStacks + std::uint64_t{id} * 0x40000; }

// A device by the protocol, over threads whose stacks are counting bytes.
class DriverCaptureTest : public testing::Test {
 protected:
  struct Thread {
    std::vector<Status> statuses;  // of one call after the other; then success
    std::uint32_t used = 0x1200;   // bytes of its stack
  };
  struct Call {
    std::size_t threads;
    std::uint32_t stack_bytes, milliseconds;
  };

  DriverCaptureTest() {
    process.id = kProcess;
    process.name = "w3wp.exe";
    process.create_time = 0x1d8000000000000;
    system.facts.architecture = base::Architecture::x64;
    system.facts.build = 19041;
    system.facts.major = 10;
    system.device = [this](std::uint32_t code, std::span<const std::byte> in,
                           std::span<std::byte> out,
                           std::uint32_t& returned) { return control(code, in, out, returned); };
  }
  ~DriverCaptureTest() override {
    EXPECT_TRUE(system.open_handles.empty());
    EXPECT_FALSE(system.privilege_is_on);
  }

  void add_threads(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      ThreadFacts facts;
      facts.id = kFirst + i;
      facts.process_id = kProcess;
      facts.create_time = process.create_time + i;
      facts.state = 5;
      facts.wait_reason = 15;
      process.threads.push_back(facts);
      system.threads[facts.id].name = "worker";
    }
    system.list = {process};
  }

  Status control(std::uint32_t code, std::span<const std::byte> in, std::span<std::byte> out,
                 std::uint32_t& returned);
  void answer_thread(std::uint32_t id, const driver::CaptureIn& request, driver::ThreadOut& thread,
                     std::vector<std::byte>& rest, std::size_t rest_at);

  DriverCapture capture() {
    return capture_by_driver(system, process, {process.threads, 0, true}, options, {{}, &cancel});
  }
  static const DriverRecord& of(const DriverCapture& capture, std::uint32_t i) {
    return capture.threads.at(i);
  }

  FakeSystem system;
  ProcessFacts process;
  std::map<std::uint32_t, Thread> behaviour;
  std::vector<Call> calls;
  DriverOptions options;
  std::atomic<bool> cancel = false;
  std::size_t room = SIZE_MAX;  // nonpaged pool for an answer
  std::uint32_t version = driver::kVersion;
  bool swaps_ids = false, cancels = false;
};

void DriverCaptureTest::answer_thread(std::uint32_t id, const driver::CaptureIn& request,
                                      driver::ThreadOut& thread, std::vector<std::byte>& rest,
                                      std::size_t rest_at) {
  Thread& known = behaviour[id];
  thread.process_id = kProcess;
  thread.thread_id = swaps_ids ? id + 1 : id;
  if (system.threads[id].is_protected && request.stack_bytes != 0) thread.status = kAccessDenied;
  if (!known.statuses.empty()) {
    thread.status = known.statuses.front();
    known.statuses.erase(known.statuses.begin());
  }
  if (thread.status != kSuccess) return;
  thread.stack_high = base_of(id);
  thread.stack_low = base_of(id) - 0x12000;
  thread.registers.ip = 0xfffff80000001234;
  thread.registers.sp = base_of(id) - known.used;
  thread.registers.saved[1] = id;
  const std::uint64_t frames[2] = {0xfffff80000001234, id};
  thread.frame_count = std::min(request.frames_to_capture, 2u);
  thread.frames_offset = static_cast<std::uint32_t>(rest_at + rest.size());
  const auto bytes = std::as_bytes(std::span(frames));
  rest.insert(rest.end(), bytes.begin(), bytes.begin() + thread.frame_count * 8);
  thread.stack_size = std::min(known.used, request.stack_bytes);
  if (thread.stack_size < known.used) thread.flags |= driver::kStackCut;
  thread.stack_offset = static_cast<std::uint32_t>(rest_at + rest.size());
  for (std::uint32_t i = 0; i < thread.stack_size; ++i)
    rest.push_back(static_cast<std::byte>(thread.registers.sp + i));
}

Status DriverCaptureTest::control(std::uint32_t code, std::span<const std::byte> in,
                                  std::span<std::byte> out, std::uint32_t& returned) {
  EXPECT_TRUE(system.privilege_is_on);
  if (code == driver::kControlQuery) {
    const driver::QueryOut query{sizeof query, version, 0x8664, 0, 0, 0};
    std::memcpy(out.data(), &query, sizeof query);
    returned = sizeof query;
    return kSuccess;
  }
  driver::CaptureIn request;
  std::memcpy(&request, in.data(), sizeof request);
  EXPECT_LE(request.thread_count, driver::kMostThreads);
  EXPECT_EQ(in.size(), sizeof request + request.thread_count * 8);
  EXPECT_EQ(out.size(), driver::bytes_of_capture(request.thread_count, request.frames_to_capture,
                                                 request.stack_bytes));
  EXPECT_LE(
      std::uint64_t{request.thread_count} * (request.frames_to_capture * 8 + request.stack_bytes),
      driver::kMostBytes);
  if (out.size() > room) return kInsufficientResources;
  calls.push_back({request.thread_count, request.stack_bytes, request.milliseconds});
  if (cancels) cancel = true;
  const driver::CaptureOut head{sizeof head, driver::kVersion, 0x8664, request.thread_count};
  std::vector<driver::ThreadOut> threads(request.thread_count);
  std::vector<std::byte> rest;
  const std::size_t rest_at = sizeof head + threads.size() * sizeof(driver::ThreadOut);
  for (std::uint32_t i = 0; i < request.thread_count; ++i) {
    Handle handle = 0;
    std::memcpy(&handle, &in[sizeof request + i * 8], 8);
    EXPECT_TRUE(system.open_handles.contains(handle));
    answer_thread(static_cast<std::uint32_t>(handle), request, threads[i], rest, rest_at);
  }
  std::memcpy(out.data(), &head, sizeof head);
  std::memcpy(&out[sizeof head], threads.data(), threads.size() * sizeof(driver::ThreadOut));
  if (!rest.empty()) std::memcpy(&out[rest_at], rest.data(), rest.size());
  returned = static_cast<std::uint32_t>(rest_at + rest.size());
  return kSuccess;
}

TEST_F(DriverCaptureTest, ThreadsByTheThousandsTakeSeveralCallsAndEachComesOnce) {
  add_threads(1300);
  const DriverCapture taken = capture();
  EXPECT_FALSE(taken.error) << taken.error->text();
  EXPECT_EQ(taken.captured(), 1300u);
  EXPECT_GE(calls.size(), 3u);
  std::size_t asked = 0;
  for (const Call& call : calls) asked += call.threads;
  EXPECT_EQ(asked, 1300u);
  for (const DriverRecord& record : taken.threads) {
    EXPECT_EQ(record.outcome, Outcome::captured);
    EXPECT_EQ(record.answer.registers.saved[1], record.facts.id);
    EXPECT_EQ(record.answer.frames[1], record.facts.id);
    ASSERT_EQ(record.stack.size(), 0x1200u);
    EXPECT_EQ(record.stack[0], static_cast<std::byte>(record.answer.registers.sp));
    EXPECT_EQ(record.name, "worker");
  }
}

TEST_F(DriverCaptureTest, AStackThatWasCutIsAskedForAgainWithAllOfItsBytes) {
  add_threads(3);
  behaviour[kFirst + 1].used = 0x11000;
  const DriverCapture taken = capture();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[1].threads, 1u);
  EXPECT_EQ(calls[1].stack_bytes, 0x24000u);
  EXPECT_EQ(of(taken, 1).outcome, Outcome::captured);
  EXPECT_EQ(of(taken, 1).stack.size(), 0x11000u);
}

TEST_F(DriverCaptureTest, WhereTheSecondTimeGivesNothingTheFirstIsKept) {
  add_threads(1);
  behaviour[kFirst] = {{kSuccess, kTimeout}, 0x11000};
  const DriverCapture taken = capture();
  EXPECT_EQ(of(taken, 0).outcome, Outcome::captured_in_part);
  EXPECT_EQ(of(taken, 0).stack.size(), options.stack_bytes);
  EXPECT_NE(of(taken, 0).text.find("oldest part"), std::string::npos);
}

TEST_F(DriverCaptureTest, ThreadsThatDoNotAnswerAreAskedOnceMore) {
  add_threads(3);
  behaviour[kFirst].statuses = {kTimeout};
  behaviour[kFirst + 2].statuses = {kTimeout, kTimeout, kTimeout};
  const DriverCapture taken = capture();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[1].threads, 2u);
  EXPECT_EQ(of(taken, 0).outcome, Outcome::captured);
  EXPECT_EQ(of(taken, 2).outcome, Outcome::wedged);
  EXPECT_EQ(of(taken, 2).status, kTimeout);
  EXPECT_NE(of(taken, 2).text.find("kernel APCs off"), std::string::npos);
}

TEST_F(DriverCaptureTest, EachOtherThreadHasItsOutcomeAndAReason) {
  add_threads(6);
  behaviour[kFirst].statuses = {kThreadIsTerminating};
  behaviour[kFirst + 1].statuses = {0xc0000123};
  system.threads[kFirst + 2].open = kAccessDenied;
  system.threads[kFirst + 3].open = kInvalidCid;
  system.threads[kFirst + 4].create_time = 5;  // the ID's next user
  const DriverCapture taken = capture();
  const Outcome right[] = {Outcome::gone, Outcome::failed, Outcome::denied,
                           Outcome::gone, Outcome::gone,   Outcome::captured};
  for (std::uint32_t i = 0; i < 6; ++i) {
    EXPECT_EQ(of(taken, i).outcome, right[i]) << i << ": " << of(taken, i).text;
    EXPECT_NE(of(taken, i).text, "");
  }
  EXPECT_FALSE(taken.error);
}

TEST_F(DriverCaptureTest, OfProtectedThreadsTheFramesAloneAreAskedForInACallOfTheirOwn) {
  add_threads(4);
  system.threads[kFirst + 1].is_protected = true;
  const DriverCapture taken = capture();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].threads, 3u);
  EXPECT_EQ(calls[1].threads, 1u);
  EXPECT_EQ(calls[1].stack_bytes, 0u);
  EXPECT_EQ(of(taken, 1).outcome, Outcome::captured_in_part);
  EXPECT_EQ(of(taken, 1).answer.frames.size(), 2u);
  EXPECT_TRUE(of(taken, 1).stack.empty());
  EXPECT_NE(of(taken, 1).text.find("protected"), std::string::npos);
}

TEST_F(DriverCaptureTest, WhereMemoryIsShortCallsAreSmaller) {
  add_threads(100);
  room = 500'000;
  const DriverCapture taken = capture();
  EXPECT_FALSE(taken.error);
  EXPECT_EQ(taken.captured(), 100u);
  room = 1;
  const DriverCapture none = capture();
  ASSERT_TRUE(none.error);
  EXPECT_NE(none.error->text().find("nonpaged pool"), std::string::npos);
}

TEST_F(DriverCaptureTest, AnInterruptEndsItBeforeTheNextCallAndKeepsWhatIsThere) {
  add_threads(1300);
  cancels = true;
  const DriverCapture taken = capture();
  EXPECT_TRUE(taken.was_cancelled);
  EXPECT_EQ(calls.size(), 1u);
  EXPECT_EQ(taken.captured(), calls[0].threads);
  EXPECT_EQ(taken.threads.back().outcome, Outcome::not_tried);
}

TEST_F(DriverCaptureTest, AnAnswerOfAnotherThreadIsNotTakenForThisOne) {
  add_threads(2);
  swaps_ids = true;
  const DriverCapture taken = capture();
  EXPECT_EQ(of(taken, 0).outcome, Outcome::failed);
  ASSERT_TRUE(taken.error);
}

TEST_F(DriverCaptureTest, ADriverOfAnotherVersionIsNotAsked) {
  add_threads(2);
  version = 2;
  const DriverCapture taken = capture();
  ASSERT_TRUE(taken.error);
  EXPECT_NE(taken.error->text().find("version 2"), std::string::npos);
  EXPECT_TRUE(calls.empty());
  EXPECT_EQ(of(taken, 0).outcome, Outcome::not_tried);
}

TEST_F(DriverCaptureTest, WithoutThePrivilegeItSaysSo) {
  add_threads(1);
  system.holds_privilege = false;
  const DriverCapture taken = capture();
  ASSERT_TRUE(taken.error);
  EXPECT_NE(taken.error->text().find("SeDebugPrivilege"), std::string::npos);
}

// What is written to a file says what the records say.
TEST_F(DriverCaptureTest, TheFileHasTheThreadsTheirStacksAndWhatBecameOfTheOthers) {
  add_threads(4);
  behaviour[kFirst + 2].statuses = {kTimeout, kTimeout};
  system.threads[kFirst + 3].is_protected = true;
  dump::ModuleRecord nt;
  nt.path = "\\SystemRoot\\system32\\ntoskrnl.exe";
  nt.base = 0xfffff80000000000;
  nt.size = 0x1046000;
  system.kernel_module_list = std::vector{nt};
  const auto stacks =
      DriverStacks::take(system, process, {process.threads, 0, true}, options, {{}, nullptr});
  ASSERT_TRUE(stacks) << stacks.error().text();
  const auto bytes = dump::kernel_stacks_file(stacks->dump());
  ASSERT_TRUE(bytes) << bytes.error().text();
  const auto read = dump::parse(base::Bytes(*bytes));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->kind, dump::Kind::kernel_stacks);
  EXPECT_EQ(read->process_id, kProcess);
  EXPECT_EQ(read->process_create_time, process.create_time);
  EXPECT_EQ(read->build, 19041u);
  ASSERT_EQ(read->modules.size(), 1u);
  EXPECT_EQ(read->modules[0].path, nt.path);
  ASSERT_EQ(read->threads.size(), 4u);
  ASSERT_TRUE(read->kernel_stacks);
  EXPECT_EQ(read->kernel_stacks->process_name, "w3wp.exe");
  std::size_t captured = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const dump::ThreadRecord& thread = read->threads[i];
    const dump::KernelStackRecord& record = read->kernel_stacks->threads[i];
    EXPECT_EQ(record.create_time, process.create_time + thread.id - kFirst);
    EXPECT_EQ(record.wait_reason, 15);
    if (thread.context.empty()) {
      EXPECT_EQ(thread.id, kFirst + 2);
      EXPECT_EQ(record.status, kTimeout);
      continue;
    }
    ++captured;
    EXPECT_EQ(thread.context.get<std::uint32_t>(0x30), 0x100003u);  // control and integer
    EXPECT_EQ(thread.context.get<std::uint64_t>(0xa0), thread.id);  // rbp
    EXPECT_EQ(record.stack_high, base_of(thread.id));
    EXPECT_EQ(record.frames.size(), 2u);
    const bool is_protected = thread.id == kFirst + 3;
    EXPECT_EQ(read->memory->get<std::uint8_t>(base_of(thread.id) - 1).has_value(), !is_protected);
    EXPECT_EQ(thread.name, "worker");
  }
  EXPECT_EQ(captured, 3u);
}

}  // namespace
}  // namespace ntstack::capture
