// Facts of threads and processes: of objects written here by the public offsets, and of the real
// triage dumps.
#include "target/facts.h"

#include <gtest/gtest.h>

#include <cstring>

#include "dump/dump_builder.h"
#include "test_files.h"

namespace ntstack::target {
namespace {

// 100 ns of a day.
constexpr std::uint64_t kDay = 864'000'000'000;

const Thread* current_thread(const Machine& machine) {
  for (const Processor& processor : machine.processors())
    if (processor.crashed || machine.processors().size() == 1)
      return machine.thread_at(processor.current_thread);
  return nullptr;
}

// What was read from the two dumps by hand, at the public offsets.
struct Seen {
  std::uint8_t priority, base_priority;
  std::uint32_t kernel_ticks, switches, active_threads;
};

void expect_plausible(const Machine& machine, const Seen& seen) {
  const Thread* thread = current_thread(machine);
  ASSERT_TRUE(thread);
  const ThreadFacts facts = read_thread_facts(machine, *thread);
  const std::uint64_t written = machine.dump().system_time.value();
  const std::uint64_t started = written - machine.dump().up_time.value();
  ASSERT_TRUE(facts.create_time);
  EXPECT_LT(*facts.create_time, written);
  EXPECT_GT(*facts.create_time + kDay, started);
  EXPECT_EQ(facts.priority, seen.priority);
  EXPECT_EQ(facts.base_priority, seen.base_priority);
  EXPECT_EQ(facts.kernel_ticks, seen.kernel_ticks);
  EXPECT_EQ(facts.user_ticks, 0u);
  EXPECT_EQ(facts.context_switches, seen.switches);
  EXPECT_FALSE(facts.exit_time);
  EXPECT_EQ(facts.is_exiting, false);
  EXPECT_EQ(is_stack_resident(machine, *thread), true);
  EXPECT_GE(facts.start_address.value_or(0), 0x10000u);

  const Process* process = machine.process_of(*thread);
  ASSERT_TRUE(process);
  const ProcessFacts about = read_process_facts(machine, *process);
  ASSERT_TRUE(about.create_time);
  EXPECT_GT(*about.create_time + kDay, started);
  EXPECT_FALSE(about.exit_time);
  EXPECT_EQ(about.is_exiting, false);
  EXPECT_EQ(about.active_threads, seen.active_threads);
  EXPECT_EQ(about.session_id, std::nullopt);  // the System process has none
}

using dump::building::Data;
using dump::building::TriageBuilder;

constexpr std::uint64_t kThread = 0xffff8000'10000080, kProcess = 0xffff8000'20000080,
                        kName = 0xffff8000'30000000, kWow64 = 0xffff8000'40000000,
                        kSession = 0xffff8000'50000000, kShared = 0xfffff780'00000000,
                        kStack = 0xffff8000'60000000;
constexpr std::uint64_t kCreated = 133'000'000'000'000'000;

template <class T>
void put(Data& data, std::size_t at, T value) {
  std::memcpy(data.data() + at, &value, sizeof value);
}

// A thread and its process of build 19041; the offsets are written out a second time here.
struct Objects {
  Data thread = Data(0x898), process = Data(0xa40), name = Data(0x40), wow64 = Data(0x10),
       session = Data(0x10), shared = Data(0x330);

  Objects() {
    put(thread, 0, std::uint8_t{6});
    put(thread, 0x28, kStack + 0x5c50);
    put(thread, 0x30, kStack);
    put(thread, 0x38, kStack + 0x6000);
    put(thread, 0x7a, std::uint8_t{2});  // KernelStackResident
    put(thread, 0xb8, kProcess);
    put(thread, 0xc3, std::uint8_t{9});
    put(thread, 0x233, std::uint8_t{8});
    put(thread, 0x154, std::uint32_t{1234});
    put(thread, 0x184, std::uint8_t{5});
    put(thread, 0x1b4, std::uint32_t{900});
    put(thread, 0x28c, std::uint32_t{7});
    put(thread, 0x2dc, std::uint32_t{11});
    put(thread, 0x430, kCreated);
    put(thread, 0x438, kCreated + 5);
    put(thread, 0x450, std::uint64_t{0x7ffa2fb02630});
    put(thread, 0x478, std::uint64_t{0x15ec});
    put(thread, 0x480, std::uint64_t{0x924});
    put(thread, 0x4d0, std::uint64_t{0x7ff6ab7b1200});
    put(thread, 0x610, kName);
    put(name, 0, std::uint16_t{8});
    put(name, 2, std::uint16_t{10});
    put(name, 8, kName + 0x10);
    std::memcpy(name.data() + 0x10, u"Pool", 8);
    put(process, 0x440, std::uint64_t{0x15ec});
    put(process, 0x388, std::uint64_t{0x1ab000});
    put(process, 0x464, std::uint32_t{4});  // ProcessExiting
    put(process, 0x468, kCreated - 9);
    put(process, 0x558, kSession);
    put(process, 0x580, kWow64);
    put(process, 0x5f0, std::uint32_t{3});
    put(wow64, 0, std::uint64_t{0x7ffd000});
    put(session, 8, std::uint32_t{2});
    put(shared, 4, std::uint32_t{0x0fa00000});  // 15.625 ms
    put(shared, 0x320, std::uint32_t{1000});
  }

  Data build(std::uint32_t build_number = 19041) const {
    TriageBuilder builder;
    builder.writer = dump::building::TriageWriter::live_system;
    builder.build_number = build_number;
    builder.thread = thread;
    builder.blocks = {{kThread, thread}, {kProcess, process}, {kName, name},
                      {kWow64, wow64},   {kSession, session}, {kShared, shared}};
    return builder.build();
  }
};

// Keeps a dump's parts alive.
struct Opened {
  Data file;
  dump::Dump dump;
  Kernel kernel;
  Machine machine;
  explicit Opened(Data bytes)
      : file(std::move(bytes)),
        dump(dump::parse(base::Bytes(std::span(file))).value()),
        kernel(dump),
        machine(kernel) {}
  const Thread* thread() const { return machine.thread_at(kThread); }
};

TEST(Facts, OfAThreadAreReadFromItsObject) {
  const Opened opened(Objects().build());
  const Thread* thread = opened.thread();
  ASSERT_TRUE(thread);
  const ThreadFacts facts = read_thread_facts(opened.machine, *thread);
  EXPECT_EQ(facts.create_time, kCreated);
  EXPECT_EQ(facts.exit_time, std::nullopt);  // it has not exited
  EXPECT_EQ(facts.priority, 9);
  EXPECT_EQ(facts.base_priority, 8);
  EXPECT_EQ(facts.kernel_ticks, 7u);
  EXPECT_EQ(facts.user_ticks, 11u);
  EXPECT_EQ(facts.wait_start, 900u);
  EXPECT_EQ(facts.context_switches, 1234u);
  EXPECT_EQ(facts.start_address, 0x7ffa2fb02630u);
  EXPECT_EQ(facts.win32_start_address, 0x7ff6ab7b1200u);
  EXPECT_EQ(thread->name, "Pool");
  EXPECT_EQ(is_stack_resident(opened.machine, *thread), true);
}

TEST(Facts, OfAProcessAreReadFromItsObjectAndWhatItPointsTo) {
  const Opened opened(Objects().build());
  ASSERT_TRUE(opened.thread());
  const Process* process = opened.machine.process_of(*opened.thread());
  ASSERT_TRUE(process);
  const ProcessFacts facts = read_process_facts(opened.machine, *process);
  EXPECT_EQ(facts.create_time, kCreated - 9);
  EXPECT_EQ(facts.exit_time, std::nullopt);
  EXPECT_EQ(facts.session_id, 2u);
  EXPECT_EQ(facts.active_threads, 3u);
  EXPECT_EQ(facts.user_directory_table_base, 0x1ab000u);
  EXPECT_EQ(facts.is_exiting, true);
  EXPECT_TRUE(facts.is_wow64);
  EXPECT_EQ(facts.wow64_peb, 0x7ffd000u);
}

TEST(Facts, OfAThreadThatHasExitedHaveItsExitTime) {
  Objects objects;
  put(objects.thread, 0x184, std::uint8_t{4});
  const Opened opened(objects.build());
  ASSERT_TRUE(opened.thread());
  EXPECT_TRUE(is_terminated(*opened.thread()));
  EXPECT_EQ(read_thread_facts(opened.machine, *opened.thread()).exit_time, kCreated + 5);
}

TEST(Facts, ThatCanNotBeAreUnknown) {
  Objects objects;
  put(objects.thread, 0x430, std::uint64_t{0xffffb00b12345678});
  put(objects.thread, 0xc3, std::uint8_t{32});
  put(objects.name, 0, std::uint16_t{12});  // longer than its capacity
  put(objects.process, 0x580, std::uint64_t{0x123456789a});
  put(objects.process, 0x558, std::uint64_t{0});
  const Opened opened(objects.build());
  ASSERT_TRUE(opened.thread());
  const ThreadFacts facts = read_thread_facts(opened.machine, *opened.thread());
  EXPECT_EQ(facts.create_time, std::nullopt);
  EXPECT_EQ(facts.priority, std::nullopt);
  EXPECT_EQ(opened.thread()->name, "");
  const Process* process = opened.machine.process_of(*opened.thread());
  ASSERT_TRUE(process);
  const ProcessFacts about = read_process_facts(opened.machine, *process);
  EXPECT_FALSE(about.is_wow64);
  EXPECT_EQ(about.session_id, std::nullopt);
}

TEST(Facts, OfBitsAreUnknownWhereTheOffsetIsOfAnotherBuild) {
  Objects objects;
  objects.thread.resize(0x900);  // as large as the table before says
  const Opened opened(objects.build(26100));
  ASSERT_TRUE(opened.thread());
  EXPECT_EQ(is_stack_resident(opened.machine, *opened.thread()), std::nullopt);
  EXPECT_EQ(read_thread_facts(opened.machine, *opened.thread()).kernel_ticks, std::nullopt);
}

TEST(Facts, SayThatAKernelStackIsSwappedOut) {
  Objects objects;
  put(objects.thread, 0x7a, std::uint8_t{0xfd});
  const Opened opened(objects.build());
  ASSERT_TRUE(opened.thread());
  EXPECT_EQ(is_stack_resident(opened.machine, *opened.thread()), false);
}

TEST(Clock, IsReadFromThePageThatEveryProcessShares) {
  const Opened opened(Objects().build());
  const Clock clock = read_clock(opened.machine);
  EXPECT_EQ(clock.ticks, 1000u);
  EXPECT_EQ(clock.tick_length, 156'250u);
}

TEST(Clock, IsUnknownWhereTickLengthsMakeNoSense) {
  Objects objects;
  put(objects.shared, 4, std::uint32_t{0xffffffff});
  EXPECT_EQ(read_clock(Opened(objects.build()).machine).ticks, std::nullopt);
}

TEST(Facts, OfARealThreadOfBuild19041FitTheDumpsOwnTimes) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_19041.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  expect_plausible(Machine(kernel), {13, 12, 42, 408, 147});
}

TEST(Facts, OfARealThreadOfBuild17763FitTheDumpsOwnTimes) {
  NTSTACK_NEED_DATA(path, "kernel/triage_x64_17763.dmp");
  const auto dump = dump::open(path);
  ASSERT_TRUE(dump) << dump.error().text();
  Kernel kernel(*dump);
  expect_plausible(Machine(kernel), {13, 12, 2, 80, 95});
}

}  // namespace
}  // namespace ntstack::target
