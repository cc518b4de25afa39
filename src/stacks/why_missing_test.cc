// Why a stack is not there, of thread objects of build 19041 whose stacks are in no dump.
#include "stacks/why_missing.h"

#include <gtest/gtest.h>

#include <cstring>

#include "dump/dump_builder.h"

namespace ntstack::stacks {
namespace {

using dump::building::Data;

constexpr std::uint64_t kThread = 0xffff8000'10000080, kStack = 0xffff8000'60000000;
constexpr std::uint8_t kTerminated = 4, kWaiting = 5, kTransition = 6;

// A triage dump of one thread without its stack.
class ThreadAlone {
 public:
  ThreadAlone(std::uint8_t state, bool is_resident) : file_(build(state, is_resident)) {}
  const target::Thread& thread() const { return *machine_.thread_at(kThread); }
  WhyMissing why() const { return why_no_start(machine_, thread()); }
  const target::Machine& machine() const { return machine_; }

 private:
  static Data build(std::uint8_t state, bool is_resident) {
    Data thread(0x898);
    const auto put = [&](std::size_t at, auto value) {
      std::memcpy(thread.data() + at, &value, sizeof value);
    };
    put(0, std::uint8_t{6});
    put(0x28, kStack + 0x5c50);
    put(0x30, kStack);
    put(0x38, kStack + 0x6000);
    put(0x58, kStack + 0x5000);
    put(0x7a, static_cast<std::uint8_t>(is_resident ? 2 : 0));
    put(0x184, state);
    dump::building::TriageBuilder builder;
    builder.writer = dump::building::TriageWriter::live_system;
    builder.thread = thread;
    builder.blocks = {{kThread, thread}};
    return builder.build();
  }

  Data file_;
  dump::Dump dump_ = dump::parse(base::Bytes(std::span(file_))).value();
  target::Kernel kernel_{dump_};
  target::Machine machine_{kernel_};
};

TEST(WhyMissing, SaysThatAStackIsSwappedOut) {
  constexpr std::string_view kSentence =
      "its kernel stack is swapped out (paged to disk), not in the dump";
  EXPECT_EQ(ThreadAlone(kWaiting, false).why().reason, kSentence);
  EXPECT_EQ(ThreadAlone(kTransition, true).why().reason, kSentence);
  EXPECT_EQ(ThreadAlone(kWaiting, false).why().end, End::memory_missing);
}

TEST(WhyMissing, SaysWhereAStackIsThatTheDumpLeftOut) {
  EXPECT_EQ(ThreadAlone(kWaiting, true).why().reason,
            "its kernel stack at ffff8000`60005000 is not in the dump");
}

TEST(WhyMissing, SaysThatATerminatedThreadsStackIsGone) {
  EXPECT_EQ(ThreadAlone(kTerminated, true).why().reason,
            "the thread has terminated, and its kernel stack is gone");
}

TEST(WhyMissing, ATerminatedThreadsStackIsSaidToBeWhatIsLeftOfIt) {
  const ThreadAlone terminated(kTerminated, true), waiting(kWaiting, true);
  Stack left, usual;
  add_state_notes(terminated.machine(), terminated.thread(), left);
  add_state_notes(waiting.machine(), waiting.thread(), usual);
  ASSERT_EQ(left.notes.size(), 1u);
  EXPECT_EQ(left.notes[0], "the thread has terminated: this is what is left of its stack");
  EXPECT_TRUE(usual.notes.empty());
}

}  // namespace
}  // namespace ntstack::stacks
