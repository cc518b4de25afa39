// Stacks made by hand; tests/capture compares whole captures.
#include "analysis/movements.h"

#include <gtest/gtest.h>

#include <deque>

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;

class Movements : public testing::Test {
 protected:
  const target::Thread& thread(std::uint64_t id, std::uint64_t address = 0) {
    target::Thread made;
    made.id = id;
    made.process_id = 4;
    made.address = address;
    threads_.push_back(std::move(made));
    return threads_.back();
  }
  Stack stack(const target::Thread& of, std::vector<std::uint64_t> ips) {
    Stack made;
    made.thread = &of;
    std::uint64_t sp = 0x1000 - 0x10 * ips.size();
    for (const std::uint64_t ip : ips) {
      Frame frame;
      frame.ip = ip;
      frame.child_sp = sp += 0x10;
      made.frames.push_back(frame);
    }
    return made;
  }
  std::deque<target::Thread> threads_;
};

TEST_F(Movements, AreTold) {
  const std::vector<Stack> first = {stack(thread(1), {10, 20}), stack(thread(2), {11, 20}),
                                    stack(thread(3), {12, 20}), stack(thread(5), {})};
  const std::vector<Stack> second = {stack(thread(4), {9}), stack(thread(2), {15, 20}),
                                     stack(thread(1), {10, 20}), stack(thread(5), {13})};
  const Snapshot snapshots[] = {{first, {}}, {second, {}}};
  const auto all = compare(snapshots);
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0].movement, Movement::still);
  EXPECT_EQ(all[1].movement, Movement::moved);
  EXPECT_EQ(all[1].changes, 1u);
  EXPECT_EQ(all[2].movement, Movement::ended);
  EXPECT_EQ(all[3].movement, Movement::not_known);
  EXPECT_EQ(all[4].movement, Movement::appeared);
  EXPECT_EQ(*all[4].first().thread->id, 4u);
}

TEST_F(Movements, AnIDsNextUserIsAnotherThread) {
  const std::vector<Stack> first = {stack(thread(1, 0xa000), {10})};
  const std::vector<Stack> second = {stack(thread(1, 0xb000), {10})};
  const Snapshot snapshots[] = {{first, {}}, {second, {}}};
  const auto all = compare(snapshots);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].movement, Movement::ended);
  EXPECT_EQ(all[1].movement, Movement::appeared);
}

TEST_F(Movements, ThereAndBackIsMovement) {
  const std::vector<Stack> a = {stack(thread(1), {10, 20})}, b = {stack(thread(1), {15, 20})};
  const Snapshot snapshots[] = {{a, {}}, {b, {}}, {a, {}}};
  EXPECT_EQ(compare(snapshots).at(0).movement, Movement::moved);
  EXPECT_EQ(compare(snapshots).at(0).changes, 2u);
}

TEST_F(Movements, TheSameCodeDeeperOnTheStackIsAnotherPlace) {
  const target::Thread& one = thread(1);
  Stack a = stack(one, {10, 20}), b = stack(one, {10, 20});
  EXPECT_TRUE(is_same_place(a, b));
  b.frames[0].child_sp -= 8;
  EXPECT_FALSE(is_same_place(a, b));
}

TEST_F(Movements, TheWayOfTheApcThatCapturedAThreadDoesNotCount) {
  target::Thread captured = thread(1);
  captured.captured = true;
  Stack a = stack(captured, {1, 2, 3, 10, 20}), b = stack(captured, {5, 3, 10, 20});
  EXPECT_FALSE(is_same_place(a, b));
  a.frames[2].symbol.name = b.frames[1].symbol.name = "KiDeliverApc";
  EXPECT_TRUE(is_same_place(a, b));
}

TEST_F(Movements, HowOftenAThreadRanIsCountedAcrossTheWrap) {
  const std::vector<Stack> a = {stack(thread(1), {10})};
  const Snapshot snapshots[] = {{a, [](auto&) { return std::optional(0xfffffffeu); }},
                                {a, {}},
                                {a, [](auto&) { return std::optional(3u); }}};
  EXPECT_EQ(compare(snapshots).at(0).switches, 5u);
}

}  // namespace
}  // namespace ntstack::analysis
