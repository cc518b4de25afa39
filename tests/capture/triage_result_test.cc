// What is read of a triage dump's room and threads, against the writer of the world's dumps, which
// says what it left out.
#include "capture/triage_result.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dump/dump.h"
#include "test_files.h"
#include "world_sets/big_process.h"

namespace ntstack::tests {
namespace {

using namespace capture;  // NOLINT: all of it is tested here
using target::Capture;

constexpr std::size_t kRoom = 0x100000;

const world::BigProcess& process() {
  static const world::BigProcess built =
      world::build_big_process(binary_dir() / "tests" / "world" / "modules", 16, 60);
  return built;
}

std::vector<AskedThread> asked(std::span<const world::ThreadTruth> request, bool with_objects) {
  std::vector<AskedThread> threads;
  for (const auto& thread : request)
    threads.push_back({thread.id, with_objects ? thread.ethread : 0});
  return threads;
}

TriageContents read(const world::TriageDump& dump, std::span<const world::ThreadTruth> request,
                    bool with_objects = true, std::size_t room = kRoom) {
  const auto contents = read_triage_contents(base::Bytes::of(std::span(dump.bytes)),
                                             asked(request, with_objects), room);
  EXPECT_TRUE(contents) << (contents ? "" : contents.error().text());
  return contents.value_or(TriageContents());
}

// Whether the dump has both blocks that the writer makes of a thread's I/O.
bool has_indirect(const world::TriageDump& dump, const world::ThreadTruth& thread,
                  std::uint32_t bytes) {
  const auto& layout = process().world->layout();
  const std::uint64_t irp = layout.pool + 0x40000000 + 16 * (thread.ethread - layout.pool),
                      objects = irp + layout.ethread.size + 0x10;
  const auto parsed = dump::parse(base::Bytes::of(std::span(dump.bytes)));
  return parsed && parsed->memory->get<std::uint8_t>(irp) &&
         parsed->memory->get<std::uint8_t>(objects + bytes - 1);
}

// At every length of the room, each thread's bytes are seen to be there exactly where they are.
TEST(TriageResult, WhatWasLeftOutIsSeenAtEveryRoom) {
  const auto request = std::span(process().threads).first(8);
  world::SnapRules rules = world::windows_rules();
  rules.room = kRoom;
  rules.more_drivers = 0;
  const std::size_t whole = world::snap_threads(*process().world, request, rules).bytes.size();
  std::size_t parts = 0, lacks_io = 0, no_stacks = 0, without_list = 0;
  for (rules.room = whole - 100'000; rules.room <= whole; rules.room += 0x130) {
    for (const bool with_objects : {true, false}) {
      const auto dump = world::snap_threads(*process().world, request, rules);
      const TriageContents contents = read(dump, request, with_objects, rules.room);
      EXPECT_EQ(contents.has_list, dump.has_list);
      without_list += !dump.has_list;
      for (std::size_t i = 0; i < request.size(); ++i) {
        const ThreadInDump& thread = contents.threads[i];
        ASSERT_EQ(thread.object != 0, dump.has_object[i]) << i << " room " << rules.room;
        EXPECT_EQ(thread.object, dump.has_object[i] ? request[i].ethread : 0);
        EXPECT_EQ(thread.stack != StackBytes::none, dump.has_stack[i]) << i;
        EXPECT_TRUE(!dump.has_list || thread.status == dump.statuses[i]);
        EXPECT_EQ(thread.capture == Capture::captured, dump.has_stack[i]);
        EXPECT_EQ(thread.capture == Capture::no_stack, dump.has_object[i] && !dump.has_stack[i]);
        const bool lacks = dump.has_stack[i] && !has_indirect(dump, request[i], rules.indirect);
        EXPECT_TRUE(!lacks || thread.may_lack_io) << i << " room " << rules.room;
        lacks_io += lacks;
        parts += thread.stack == StackBytes::part;
        no_stacks += thread.capture == Capture::no_stack;
      }
    }
  }
  EXPECT_GT(parts, 0u);  // the owner's older stack
  EXPECT_GT(no_stacks, 0u);
  EXPECT_GT(lacks_io, 0u);
  EXPECT_GT(without_list, 0u);
}

TEST(TriageResult, BytesOfThreadsAndRoomAddUp) {
  const auto request = std::span(process().threads).first(7);
  world::SnapRules rules = world::windows_rules();
  rules.room = kRoom;
  const auto dump = world::snap_threads(*process().world, request, rules);
  const TriageContents contents = read(dump, request);
  EXPECT_EQ(contents.processors, 16u);
  EXPECT_EQ(contents.processor_bytes, 0xaf00u);
  EXPECT_EQ(contents.first, 0u);
  EXPECT_FALSE(contents.is_full());
  EXPECT_EQ(contents.left, kRoom - dump.bytes.size());
  std::size_t used = 0;
  for (std::size_t i = 0; i < request.size(); ++i) {
    used += contents.threads[i].bytes;
    const auto two = std::vector{request[0], request[i]}, one = std::vector{request[0]};
    if (i == 0) continue;
    const std::size_t alone = world::snap_threads(*process().world, two, rules).bytes.size() -
                              world::snap_threads(*process().world, one, rules).bytes.size();
    EXPECT_NEAR(static_cast<double>(contents.threads[i].bytes), static_cast<double>(alone), 150)
        << i;
    EXPECT_LE(contents.threads[i].needs + 2 * 0x800, contents.threads[i].bytes);
    EXPECT_GE(contents.threads[i].needs, 0x898u + 0x400);
  }
  EXPECT_NEAR(static_cast<double>(contents.thread_room), static_cast<double>(used + contents.left),
              150);
}

TEST(TriageResult, AThreadThatRefusedTheApcIsToldFromOneThatWasNotTried) {
  std::vector<world::ThreadTruth> request(process().threads.begin(), process().threads.begin() + 3);
  request[2].capture = world::Capture::none;
  request[2].status = 0xc0000001;
  world::SnapRules rules = world::windows_rules();
  rules.room = kRoom;
  EXPECT_EQ(read(world::snap_threads(*process().world, request, rules), request).threads[2].capture,
            Capture::gone);
}

// As of a build whose KTHREAD is laid out in a way that is not known here.
TEST(TriageResult, ObjectsOfUnknownLayoutAreFoundByTheirBlocks) {
  const auto request = std::span(process().threads).first(7);
  world::SnapRules rules = world::windows_rules();
  rules.room = kRoom;
  rules.indirect = 0;  // the world's IRPs are made to look like threads
  auto dump = world::snap_threads(*process().world, request, rules);
  const auto parsed = dump::parse(base::Bytes::of(std::span(dump.bytes)));
  ASSERT_TRUE(parsed);
  for (const auto& block : parsed->triage->data_blocks) {
    if (block.bytes.size() != 0x898) continue;
    std::fill_n(dump.bytes.begin() + static_cast<std::ptrdiff_t>(block.file_offset), 0x600, 0x11);
  }
  for (const bool with_objects : {true, false}) {
    const TriageContents contents = read(dump, request, with_objects);
    for (std::size_t i = 0; i < request.size(); ++i) {
      EXPECT_EQ(contents.threads[i].object, request[i].ethread);
      EXPECT_EQ(contents.threads[i].capture, Capture::captured);
    }
  }
}

TEST(TriageResult, WhatIsNoTriageDumpIsAnErrorAndDamageIsHarmless) {
  const auto request = std::span(process().threads).first(7);
  world::SnapRules rules = world::windows_rules();
  rules.room = kRoom;
  const auto dump = world::snap_threads(*process().world, request, rules);
  const auto threads = asked(request, true);
  const auto bytes = base::Bytes::of(std::span(dump.bytes));
  EXPECT_FALSE(read_triage_contents(bytes.clamp(0, 0x2000), threads, kRoom));
  EXPECT_FALSE(read_triage_contents(base::Bytes::of("PAGEDU64"), threads, kRoom));
  for (std::size_t size = 0x2080; size < dump.bytes.size(); size += 0x4321)
    EXPECT_TRUE(read_triage_contents(bytes.clamp(0, size), threads, kRoom));
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    std::vector<std::uint8_t> damaged = dump.bytes;
    for (int k = 0; k < 20; ++k) {
      const std::size_t list = damaged.size() - 0x1000 + random() % 0x1000;
      damaged[k % 2 ? list : random() % damaged.size()] = static_cast<std::uint8_t>(random());
    }
    const auto contents = read_triage_contents(base::Bytes::of(std::span(damaged)), threads, kRoom);
    EXPECT_TRUE(!contents || contents->threads.size() == request.size());
  }
}

}  // namespace
}  // namespace ntstack::tests
