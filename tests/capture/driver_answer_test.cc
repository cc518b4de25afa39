// The driver's core writes answers, the client reads them: both are ours, and must be of one mind.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

#include "capture/driver_client.h"
#include "driver/core/dispatch.h"
#include "driver/tests/instant_kernel.h"

namespace ntstack::capture {
namespace {

namespace sys = ntstack::driver;

constexpr std::size_t kStack = 0x2000;

// Two stacks of each thread, the younger with the kernel's record of the older one.
struct Memory {
  alignas(0x1000) std::byte younger[kStack];
  alignas(0x1000) std::byte older[kStack];
  static std::uint64_t end_of(const std::byte* stack) {
    return reinterpret_cast<std::uintptr_t>(stack) + kStack;
  }
};

class DriverAnswers : public testing::Test {
 protected:
  static constexpr std::size_t kThreads = 20;

  DriverAnswers() {
    auto& threads = sys::tests::instant_kernel.threads;
    threads.clear();
    for (std::size_t i = 0; i < kThreads; ++i) {
      memory_.push_back(std::make_unique<Memory>());
      threads.push_back(make_thread(*memory_.back(), i));
    }
    threads[3].ends = true;
  }

  static sys::tests::InstantThread make_thread(Memory& memory, std::size_t i) {
    for (std::size_t at = 0; at < kStack; ++at) {
      memory.younger[at] = std::byte(at * 3 + i);
      memory.older[at] = std::byte(at * 5 + i);
    }
    const std::uint64_t end = Memory::end_of(memory.younger);
    const std::uint64_t older_end = Memory::end_of(memory.older);
    const std::uint64_t control[] = {end,
                                     end - kStack,
                                     older_end,
                                     older_end - kStack,
                                     older_end - 0x200 - 8 * i,
                                     older_end - 0x50};
    std::memcpy(memory.younger + kStack - 0x50, control, sizeof(control));
    sys::tests::InstantThread thread;
    thread.limits = {end - kStack, end};
    thread.registers.ip = 0xfffff80000000000 + i;
    thread.registers.sp = end - 0x100 - 8 * i;
    thread.registers.saved[0] = i;
    for (std::size_t frame = 0; frame < i; ++frame)
      thread.frames.push_back(0xfffff80000001000 + frame);
    return thread;
  }

  DriverAnswer ask(std::uint32_t frames, std::uint32_t stack_bytes) {
    std::vector<Handle> handles;
    for (Handle handle = 1; handle <= kThreads + 1; ++handle) handles.push_back(handle);
    DriverRequest request;
    request.threads = handles;
    request.frames_to_capture = frames;
    request.stack_bytes = stack_bytes;
    const std::vector<std::byte> in = request.bytes();
    buffer_.assign(std::max(in.size(), request.room()), std::byte{});
    std::memcpy(buffer_.data(), in.data(), in.size());
    std::uint64_t irp = 0;  // of which this kernel wants nothing
    const sys::Reply reply = sys::control(sys::kControlCapture,
                                          {buffer_.data(), static_cast<std::uint32_t>(in.size()),
                                           static_cast<std::uint32_t>(request.room())},
                                          reinterpret_cast<sys::Irp&>(irp), {});
    EXPECT_EQ(reply.status, sys::kSuccess);
    const auto answer = read_driver_answer(
        base::Bytes(std::span<const std::byte>(buffer_).first(reply.bytes)), handles.size());
    EXPECT_TRUE(answer) << answer.error().text();
    return answer.value_or(DriverAnswer{});
  }

  static bool is_of(base::Bytes bytes, std::uint64_t address) {
    return std::memcmp(bytes.data(),
                       reinterpret_cast<const void*>(static_cast<std::uintptr_t>(address)),
                       bytes.size()) == 0;
  }

  std::vector<std::unique_ptr<Memory>> memory_;
  std::vector<std::byte> buffer_;
};

TEST_F(DriverAnswers, AreReadAsTheyWereMeant) {
  const DriverAnswer answer = ask(100, 0x2000);
  ASSERT_EQ(answer.threads.size(), kThreads + 1);
  for (std::size_t i = 0; i < kThreads; ++i) {
    const DriverThread& thread = answer.threads[i];
    const auto& truth = sys::tests::instant_kernel.threads[i];
    EXPECT_EQ(thread.thread_id, 4 * (i + 1));
    if (truth.ends) {
      EXPECT_EQ(thread.status, 0xc000004b);
      continue;
    }
    EXPECT_EQ(thread.status, kSuccess);
    EXPECT_EQ(thread.flags, 0u);
    EXPECT_EQ(thread.frames, truth.frames);
    EXPECT_EQ(thread.registers.ip, truth.registers.ip);
    EXPECT_EQ(thread.registers.saved[0], i);
    EXPECT_EQ(thread.stack.size(), 0x100 + 8 * i);
    EXPECT_TRUE(is_of(thread.stack, truth.registers.sp));
    ASSERT_EQ(thread.older.size(), 1u);
    EXPECT_EQ(thread.older[0].bytes.size(), 0x200 + 8 * i);
    EXPECT_TRUE(is_of(thread.older[0].bytes, thread.older[0].sp));
    EXPECT_EQ(thread.older[0].high, Memory::end_of(memory_[i]->older));
  }
  EXPECT_EQ(answer.threads[kThreads].status, 0xc0000008);
}

TEST_F(DriverAnswers, OfEverySizeAreReadable) {
  for (std::uint32_t room = 0; room < 0x500; room += 12)
    for (const std::uint32_t frames : {0u, 1u, 7u, 64u})
      for (const DriverThread& thread : ask(frames, room).threads) {
        EXPECT_LE(thread.frames.size(), frames);
        EXPECT_LE(thread.stack.size(), room);
      }
}

}  // namespace
}  // namespace ntstack::capture
