// What the core answers, where no order of events matters: checks of input, the answer's layout,
// frames and stacks.
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <utility>

#include "driver/core/request.h"
#include "driver/core/snapshot.h"
#include "driver/tests/small_kernel.h"

namespace ntstack::driver::tests {
namespace {

class Core : public testing::Test {
 protected:
  Core() : kernel(choices) { kernel.begin({}, 0); }

  // One call, in a thread that is the only one.
  Reply ask(std::uint32_t code, std::uint32_t in_size) {
    Reply reply;
    kernel.fibers.add("client", [&] {
      Irp irp;
      const Buffer buffer{bytes.data(), in_size, static_cast<std::uint32_t>(bytes.size())};
      reply = kernel.ask(code, buffer, irp);
    });
    kernel.run_and_check();
    return reply;
  }
  Reply capture(const CaptureIn& in, std::uint32_t in_size = sizeof(CaptureIn)) {
    if (bytes.size() < in_size) bytes.resize(in_size);
    std::memcpy(bytes.data(), &in, sizeof(in));
    const std::uint64_t handle = kCallerHandle;
    for (std::size_t at = sizeof(in); at + 8 <= in_size; at += 8)
      std::memcpy(bytes.data() + at, &handle, 8);
    return ask(kControlCapture, in_size);
  }
  ThreadOut thread(std::size_t i = 0) const {
    ThreadOut out;
    std::memcpy(&out, bytes.data() + sizeof(CaptureOut) + i * sizeof(out), sizeof(out));
    return out;
  }
  static CaptureIn of_caller() {
    return {sizeof(CaptureIn), kVersion, kOfCallingThread, 0, 100, 0, 16, 64};
  }

  Choices choices;
  SmallKernel kernel;
  std::vector<std::byte> bytes = std::vector<std::byte>(1 << 16);
};

TEST_F(Core, TheCallingThreadIsCapturedWhereItStands) {
  const Reply reply = capture(of_caller());
  ASSERT_EQ(reply.status, kSuccess);
  const ThreadOut out = thread();
  EXPECT_EQ(out.status, kSuccess);
  EXPECT_EQ(out.flags, kIsCaller | kStackCut);
  EXPECT_EQ(out.registers.ip, kernel.registers().ip);
  // The small kernel's frames, without the driver's own two.
  EXPECT_EQ(out.frame_count, 2u);
  EXPECT_EQ(out.callers_address, 0xfffff80000001234u);
  EXPECT_EQ(out.callers_caller, 0xfffff80000005678u);
  EXPECT_EQ(out.hash, 0x00001234u + 0x00005678u);
  EXPECT_EQ(out.frames_offset, sizeof(CaptureOut) + sizeof(ThreadOut));
  EXPECT_EQ(out.stack_offset, out.frames_offset + 16);
  EXPECT_EQ(out.stack_size, 64u);
  EXPECT_EQ(reply.bytes, out.stack_offset + 64);
}

TEST_F(Core, FramesAreSkippedFromTheYoungEnd) {
  CaptureIn in = of_caller();
  in.frames_to_skip = 1;
  EXPECT_EQ(capture(in).status, kSuccess);
  EXPECT_EQ(thread().frame_count, 1u);
  EXPECT_EQ(thread().callers_address, 0xfffff80000005678u);
  in.frames_to_skip = 200;
  EXPECT_EQ(capture(in).status, kSuccess);
  EXPECT_EQ(thread().frame_count, 0u);
}

TEST_F(Core, OfMoreFramesThanWantedTheYoungestAreKept) {
  CaptureIn in = of_caller();
  in.frames_to_capture = 1;
  EXPECT_EQ(capture(in).status, kSuccess);
  EXPECT_EQ(thread().frame_count, 1u);
  EXPECT_NE(thread().flags & kFramesCut, 0u);
  EXPECT_EQ(thread().callers_address, 0xfffff80000001234u);
}

TEST_F(Core, AStackThatIsNearlyFullIsNotWalked) {
  kernel.bytes_left_of_stack = 0x800;
  EXPECT_EQ(capture(of_caller()).status, kSuccess);
  EXPECT_EQ(thread().frame_count, 0u);
  EXPECT_NE(thread().flags & kNoFrameWalk, 0u);
  EXPECT_EQ(thread().stack_size, 64u);  // its bytes need no room
}

TEST_F(Core, AtDispatchLevelAStackEndsWithItsPage) {
  kernel.at_dispatch_level = true;
  alignas(0x1000) static std::byte pages[0x2000];
  std::byte copy[0x2000];
  const auto low = reinterpret_cast<std::uintptr_t>(pages);
  kernel.limits = {low, low + sizeof(pages)};
  Snapshot snapshot;
  snapshot.stack = copy;
  Registers registers{};
  registers.sp = low + 0xf00;
  take_snapshot(snapshot, {0, 0, sizeof(copy)}, registers);
  EXPECT_EQ(snapshot.stack_size, 0x100u);
  EXPECT_EQ(snapshot.flags, kStackCut);
  kernel.at_dispatch_level = false;
  snapshot.flags = 0;
  take_snapshot(snapshot, {0, 0, sizeof(copy)}, registers);
  EXPECT_EQ(snapshot.stack_size, 0x1100u);
  EXPECT_EQ(snapshot.flags, 0u);
}

TEST_F(Core, AStackPointerOutsideOfItsStackIsNotFollowed) {
  kernel.limits = {0x1000, 0x2000};
  EXPECT_EQ(capture(of_caller()).status, kSuccess);
  EXPECT_EQ(thread().stack_size, 0u);
}

// A thread on its third stack, each with the KSTACK_CONTROL of the kernel's callout at its base.
class Stacks : public Core {
 protected:
  static constexpr std::size_t kSize = 0x2000;
  struct Control {  // of 64 bits, Windows 8 and later
    std::uint64_t base, actual_limit;
    struct {
      std::uint64_t base, limit, kernel_stack, initial_stack;
    } previous;
  };

  Stacks() {
    for (std::size_t i = 0; i < 3 * kSize; ++i) memory[i] = std::byte(i * 7 % 251);
    kernel.limits = {base_of(0) - kSize, base_of(0)};
    link(0, 0x50);   // as on Windows 11
    link(1, 0x370);  // with extended state above it
    put(2, 0x50, {base_of(2), base_of(2) - kSize, {}});
  }
  std::uint64_t base_of(int i) const {
    return reinterpret_cast<std::uintptr_t>(memory) + (static_cast<std::size_t>(i) + 1) * kSize;
  }
  std::uint64_t sp_of(int i) const { return base_of(i) - 0x400 - 0x100 * static_cast<unsigned>(i); }
  void put(int i, std::size_t below, const Control& control) {
    std::memcpy(memory + (static_cast<std::size_t>(i) + 1) * kSize - below, &control,
                sizeof(control));
  }
  void link(int i, std::size_t below) {
    put(i, below,
        {base_of(i),
         (base_of(i) - kSize) | 1,
         {base_of(i + 1), base_of(i + 1) - kSize, sp_of(i + 1), base_of(i + 1) - 0x50}});
  }
  Reply capture_from_youngest(std::uint32_t stack_bytes) {
    kernel.sp = sp_of(0);
    CaptureIn in = of_caller();
    in.stack_bytes = stack_bytes;
    return capture(in);
  }
  OlderStack older(std::uint32_t offset) const {
    OlderStack record;
    std::memcpy(&record, bytes.data() + offset, sizeof(record));
    return record;
  }
  bool is_copied(const OlderStack& record) const {
    return std::memcmp(bytes.data() + record.offset,
                       reinterpret_cast<const void*>(static_cast<std::uintptr_t>(record.sp)),
                       record.size) == 0;
  }

  alignas(0x1000) std::byte memory[3 * kSize];
};

TEST_F(Stacks, ThoseThatTheOneInUseWasEnteredFromComeWithIt) {
  const Reply reply = capture_from_youngest(0x4000);
  ASSERT_EQ(reply.status, kSuccess);
  const ThreadOut out = thread();
  EXPECT_EQ(out.flags, kIsCaller);
  EXPECT_EQ(out.stack_size, 0x400u);
  ASSERT_NE(out.older_offset, 0u);
  const OlderStack second = older(out.older_offset);
  EXPECT_EQ(second.high, base_of(1));
  EXPECT_EQ(second.low, base_of(1) - kSize);
  EXPECT_EQ(second.sp, sp_of(1));
  EXPECT_EQ(second.size, 0x500u);
  EXPECT_TRUE(is_copied(second));
  ASSERT_NE(second.next_offset, 0u);
  const OlderStack third = older(second.next_offset);
  EXPECT_EQ(third.sp, sp_of(2));
  EXPECT_EQ(third.size, 0x600u);
  EXPECT_TRUE(is_copied(third));
  EXPECT_EQ(third.next_offset, 0u);
  EXPECT_EQ(reply.bytes, third.offset + third.size);
}

TEST_F(Stacks, AllOfThemShareTheRoom) {
  for (std::uint32_t room = 0x400; room < 0x400 + 0x500 + 0x600 + 100; room += 4) {
    bytes.assign(bytes_of_capture(1, 16, room), std::byte{0});
    const Reply reply = capture_from_youngest(room);
    ASSERT_EQ(reply.status, kSuccess);
    ASSERT_LE(reply.bytes, bytes.size());
    const bool is_whole = room >= 0x400 + 0x500 + 0x600 + 2 * sizeof(OlderStack);
    EXPECT_EQ((thread().flags & kStackCut) == 0, is_whole) << room;
    for (std::uint32_t at = thread().older_offset; at != 0; at = older(at).next_offset)
      EXPECT_TRUE(is_copied(older(at)));
  }
}

TEST_F(Stacks, AControlThatSaysSomethingElseOfItsStackIsNone) {
  const Control good{base_of(0),
                     base_of(0) - kSize,
                     {base_of(1), base_of(1) - kSize, sp_of(1), base_of(1) - 0x50}};
  const auto found = [&](const Control& control) {
    put(0, 0x50, control);
    EXPECT_EQ(capture_from_youngest(0x4000).status, kSuccess);
    return thread().older_offset != 0;
  };
  EXPECT_TRUE(found(good));
  Control bad = good;
  bad.base += 8;
  EXPECT_FALSE(found(bad));
  bad = good;
  bad.actual_limit += 0x1000;  // above the limit in use
  EXPECT_FALSE(found(bad));
  bad = good;
  bad.previous.base += 8;
  EXPECT_FALSE(found(bad));
  bad = good;
  bad.previous.kernel_stack = bad.previous.base;
  EXPECT_FALSE(found(bad));
  bad = good;
  bad.previous.limit = 0;
  EXPECT_FALSE(found(bad));
  bad = good;
  bad.previous.limit -= 0x100000;  // no stack is that large
  EXPECT_FALSE(found(bad));
}

TEST_F(Core, WhatIsMalformedIsRefused) {
  const std::pair<std::uint32_t CaptureIn::*, std::uint32_t> wrong[] = {
      {&CaptureIn::size, 31},
      {&CaptureIn::flags, 2 | kOfCallingThread},
      {&CaptureIn::flags, 0},
      {&CaptureIn::thread_count, 1},
      {&CaptureIn::milliseconds, 0},
      {&CaptureIn::milliseconds, kMostMilliseconds + 1},
      {&CaptureIn::frames_to_skip, kMostSkipped + 1},
      {&CaptureIn::frames_to_capture, kMostFrames + 1},
      {&CaptureIn::frames_to_capture, 0x20000001},
      {&CaptureIn::stack_bytes, kMostStackBytes + 1},
      {&CaptureIn::stack_bytes, std::numeric_limits<std::uint32_t>::max()},
  };
  bytes.resize(1 << 20);  // room enough: the field itself is refused
  for (const auto& [field, value] : wrong) {
    CaptureIn in = of_caller();
    in.*field = value;
    EXPECT_EQ(capture(in).status, kInvalidParameter) << value;
  }
  CaptureIn in = of_caller();
  in.version = 2;
  EXPECT_EQ(capture(in).status, kRevisionMismatch);
  for (std::uint32_t size = 0; size < sizeof(CaptureIn); ++size)
    EXPECT_EQ(ask(kControlCapture, size).status, kInvalidParameter);
  EXPECT_EQ(capture(of_caller(), sizeof(CaptureIn) + 1).status, kInvalidParameter);
}

TEST_F(Core, HandlesAreAsManyAsIsSaid) {
  CaptureIn in = of_caller();
  in.flags = 0;
  in.thread_count = 3;
  EXPECT_EQ(capture(in, sizeof(in) + 16).status, kInvalidParameter);
  EXPECT_EQ(capture(in, sizeof(in) + 32).status, kInvalidParameter);
  EXPECT_EQ(capture(in, sizeof(in) + 24).status, kSuccess);
  in.thread_count = kMostThreads + 1;
  EXPECT_EQ(capture(in, sizeof(in) + 8 * in.thread_count).status, kInvalidParameter);
}

TEST_F(Core, AllThreadsTogetherAreBounded) {
  CaptureIn in = of_caller();
  in.flags = 0;
  in.thread_count = kMostThreads;
  in.stack_bytes = kMostBytes / kMostThreads;
  in.frames_to_capture = 0;
  const auto room = static_cast<std::size_t>(bytes_of_capture(kMostThreads, 0, in.stack_bytes));
  bytes.resize(room);
  EXPECT_EQ(capture(in, sizeof(in) + 8 * kMostThreads).status, kSuccess);
  bytes.resize(room + 8 * kMostThreads);
  in.stack_bytes += 8;
  EXPECT_EQ(capture(in, sizeof(in) + 8 * kMostThreads).status, kInvalidParameter);
}

TEST_F(Core, AnAnswerThatDoesNotFitIsNotBegun) {
  const std::uint64_t room = bytes_of_capture(1, 16, 64);
  bytes.resize(room - 1);
  EXPECT_EQ(capture(of_caller()).status, kBufferTooSmall);
  bytes.resize(room);
  EXPECT_EQ(capture(of_caller()).status, kSuccess);
}

TEST_F(Core, AHandleThatLeadsNowhereIsThatThreadsAffair) {
  CaptureIn in = of_caller();
  in.flags = 0;
  in.thread_count = 2;
  bytes.resize(1 << 16);
  std::memcpy(bytes.data(), &in, sizeof(in));
  const std::uint64_t handles[] = {0x7777, kCallerHandle};
  std::memcpy(bytes.data() + sizeof(in), handles, sizeof(handles));
  ASSERT_EQ(ask(kControlCapture, sizeof(in) + 16).status, kSuccess);
  EXPECT_EQ(thread(0).status, 0xc0000008u);
  EXPECT_EQ(thread(0).stack_size, 0u);
  EXPECT_EQ(thread(1).status, kSuccess);
}

TEST_F(Core, WithoutMemoryItSaysSo) {
  kernel.allocations_left = 0;
  EXPECT_EQ(capture(of_caller()).status, kInsufficientResources);
  kernel.allocations_left = 1;
  EXPECT_EQ(capture(of_caller()).status, kSuccess);
  EXPECT_EQ(thread().status, kInsufficientResources);
}

TEST_F(Core, OfRequestsThatAreLeftToTheirApcsThereIsAnEnd) {
  kernel.begin({false, true}, 0);  // no KeRemoveQueueApc
  kernel.is_late = true;
  Thread& guarded = kernel.add_thread("guarded", [](Thread&) {});
  guarded.is_guarded = true;
  CaptureIn in = of_caller();
  in.flags = 0;
  in.thread_count = kMostThreads;
  const auto in_size = static_cast<std::uint32_t>(sizeof(in) + 8 * in.thread_count);
  bytes.resize(bytes_of_capture(in.thread_count, in.frames_to_capture, in.stack_bytes));
  std::vector<Status> statuses;
  kernel.fibers.add("client", [&] {
    for (std::uint32_t left = 0; left <= kMostAbandoned; left += kMostThreads) {
      std::memcpy(bytes.data(), &in, sizeof(in));
      for (std::uint32_t i = 0; i < in.thread_count; ++i)
        std::memcpy(bytes.data() + sizeof(in) + 8 * i, &guarded.handle, 8);
      Irp irp;
      const Buffer buffer{bytes.data(), in_size, static_cast<std::uint32_t>(bytes.size())};
      statuses.push_back(kernel.ask(kControlCapture, buffer, irp).status);
    }
    EXPECT_EQ(abandoned_count(), kMostAbandoned);
  });
  kernel.run_and_check();
  EXPECT_EQ(statuses, (std::vector<Status>{kSuccess, kSuccess, kInsufficientResources}));
  EXPECT_EQ(abandoned_count(), 0u);  // the thread took them all when it could
}

TEST_F(Core, WithoutThePrivilegeNothingIsDone) {
  kernel.debug_privilege = false;
  Irp irp;
  EXPECT_EQ(open(irp), kPrivilegeNotHeld);
  EXPECT_EQ(capture(of_caller()).status, kPrivilegeNotHeld);
  EXPECT_EQ(ask(kControlQuery, 0).status, kPrivilegeNotHeld);
  kernel.debug_privilege = true;
  EXPECT_EQ(open(irp), kSuccess);
  EXPECT_EQ(ask(kControlQuery + 4 * 7, 0).status, kInvalidDeviceRequest);
}

TEST_F(Core, QueryTellsWhatThisKernelCan) {
  kernel.begin({true, false}, 0);
  kernel.crash_switch = true;
  const Reply reply = ask(kControlQuery, 0);
  ASSERT_EQ(reply.status, kSuccess);
  QueryOut out;
  ASSERT_EQ(reply.bytes, sizeof(out));
  std::memcpy(&out, bytes.data(), sizeof(out));
  EXPECT_EQ(out.size, sizeof(out));
  EXPECT_EQ(out.version, kVersion);
  EXPECT_EQ(out.capabilities, kCanRemoveApcs | kCanCrash);
  EXPECT_EQ(out.abandoned, 0u);
  bytes.resize(sizeof(out) - 1);
  EXPECT_EQ(ask(kControlQuery, 0).status, kBufferTooSmall);
}

TEST_F(Core, ItCrashesOnlyWhereThatIsMeantAndAllowed) {
  CrashIn in{sizeof(CrashIn), kVersion, kCrashIsMeant, 0, {1, 2, 3, 4}};
  const auto crash = [&] {
    std::memcpy(bytes.data(), &in, sizeof(in));
    return ask(kControlCrash, sizeof(in)).status;
  };
  EXPECT_EQ(crash(), kAccessDenied);
  kernel.crash_switch = true;
  in.is_meant = 1;
  EXPECT_EQ(crash(), kInvalidParameter);
  EXPECT_EQ(kernel.crashed_with, 0u);
  in.is_meant = kCrashIsMeant;
  EXPECT_EQ(crash(), kSuccess);  // the small kernel comes back
  EXPECT_EQ(kernel.crashed_with, kBugcheckCode);
}

}  // namespace
}  // namespace ntstack::driver::tests
