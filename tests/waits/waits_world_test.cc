// Who waits for whom on the first seed's machine. Truth: the emulated kernel's own code took the
// resource and waited for it, and its memory is read here by the offsets of the world's structures.
// Where the test writes owners into memory itself, truth is ours.
#include <gtest/gtest.h>

#include <set>

#include "analysis/wait_diagnosis.h"
#include "waits/seed_waits.h"

namespace ntstack {
namespace {

using analysis::AwaitedObject;
using analysis::Certainty;
using analysis::ObjectKind;
using world::ThreadTruth;

class Waits : public SeedWaits {
 protected:
  Waits()
      : SeedWaits(tests::binary_dir() / "tests" / "world" / "modules",
                  tests::source_dir() / "samples/seed1/symbols") {}
};

TEST_F(Waits, WithTheResourceInTheDumpItsOwnerIsAFact) {
  look(true);
  const AwaitedObject* found = object_at(resource());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->object.kind, ObjectKind::resource);
  EXPECT_EQ(found->object.certainty, Certainty::fact);
  ASSERT_EQ(found->holders.size(), 1u);
  EXPECT_EQ(found->holders[0].thread, owner());
  EXPECT_EQ(found->holders[0].certainty, Certainty::fact);
  std::set<std::uint64_t> waiting;
  for (const std::size_t wait : found->waiters) waiting.insert(thread_of(graph_.waits[wait].stack));
  const auto workers = with_role("worker");
  EXPECT_EQ(waiting, std::set<std::uint64_t>(workers.begin(), workers.end()));
  EXPECT_EQ(found->behind, workers.size());
  ASSERT_FALSE(graph_.roots.empty());
  EXPECT_EQ(&graph_.objects[graph_.roots.front()], found);
  EXPECT_TRUE(graph_.cycles.empty());
}

TEST_F(Waits, FromStacksAloneItIsTheSameResourceAndTheSameOwner) {
  look(false);
  const AwaitedObject* found = object_at(resource());
  ASSERT_TRUE(found) << "the address that registers have is the one in the kernel's list";
  ASSERT_EQ(found->holders.size(), 1u);
  EXPECT_EQ(found->holders[0].thread, owner());
  EXPECT_EQ(found->holders[0].certainty, Certainty::likely);
  EXPECT_EQ(found->waiters.size(), with_role("worker").size());
}

TEST_F(Waits, RegistersThatCallsKeepAreThoseOfTheFramesThatSetThem) {
  look(false);
  const ThreadTruth& worker =
      *std::ranges::find(seed_.threads, "switched worker", &ThreadTruth::role);
  const auto stack = std::ranges::find_if(stacks_, [&](const stacks::Stack& each) {
    return each.thread && each.thread->address == worker.ethread;
  });
  ASSERT_NE(stack, stacks_.end());
  const auto registers = reader_->registers().of(*stack);
  ASSERT_EQ(registers.size(), stack->frames.size());
  std::size_t i = 0, compared = 0;
  for (const world::TruthFrame& truth : worker.frames) {
    while (i < stack->frames.size() && stack->frames[i].is_inline) ++i;
    ASSERT_LT(i, stack->frames.size());
    ASSERT_EQ(stack->frames[i].ip, truth.ip);
    // The frame pointer of the emulated processor there.
    if (const auto rbp = analysis::register_in(registers[i].registers, 5)) {
      ++compared;
      EXPECT_EQ(*rbp, truth.frame_pointer) << i;
    }
    ++i;
  }
  EXPECT_GT(compared, 10u);
}

// Truth is ours: the resource is free in its memory, which the owner's stack does not contradict.
TEST_F(Waits, WhatSaysThatNobodyHasItIsNotSearchedFor) {
  machine().put(resource() + 0x18, std::uint16_t{0});  // ERESOURCE.ActiveCount
  look(true);
  const AwaitedObject* found = object_at(resource());
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->holders.empty());
  EXPECT_EQ(found->why_no_holder, "nobody holds it any more");
  const auto told = analysis::diagnoses_of(graph_, stacks_, true);
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(told[0].sentence.ends_with("nobody holds it any more")) << told[0].sentence;
}

// Truth is ours: an owner is written into the resource.
TEST_F(Waits, AThreadThatWaitsForWhatItHoldsIsADeadlock) {
  const std::uint64_t worker = with_role("switched worker").front();
  machine().put(resource() + 0x30, worker);
  look(true);
  ASSERT_EQ(graph_.cycles.size(), 1u);
  ASSERT_EQ(graph_.cycles[0].steps.size(), 1u);
  EXPECT_EQ(thread_of(graph_.waits[graph_.cycles[0].steps[0].wait].stack), worker);
  EXPECT_EQ(graph_.cycles[0].behind, with_role("worker").size());
  const auto told = analysis::diagnoses_of(graph_, stacks_, true);
  ASSERT_FALSE(told.empty());
  EXPECT_TRUE(told[0].sentence.starts_with("deadlock: a thread waits for what it holds itself"))
      << told[0].sentence;
}

// Truth is ours: what the owner waits for becomes a mutant, which one of those has that wait for
// it.
TEST_F(Waits, TwoThreadsThatWaitForEachOtherAreADeadlock) {
  look(true);
  const auto of_owner = std::ranges::find_if(
      graph_.waits, [&](const analysis::Wait& wait) { return thread_of(wait.stack) == owner(); });
  ASSERT_NE(of_owner, graph_.waits.end());
  ASSERT_FALSE(of_owner->blocks.empty());
  const std::uint64_t event = of_owner->blocks.front().address;
  const std::uint64_t worker = with_role("switched worker").front();
  machine().put(event, std::uint8_t{2});  // MutantObject
  machine().put(event + 0x28, worker);    // KMUTANT.OwnerThread
  look(true);
  ASSERT_EQ(graph_.cycles.size(), 1u);
  std::set<std::uint64_t> threads;
  for (const auto& step : graph_.cycles[0].steps)
    threads.insert(thread_of(graph_.waits[step.wait].stack));
  EXPECT_EQ(threads, (std::set<std::uint64_t>{owner(), worker}));
  EXPECT_EQ(graph_.cycles[0].behind, with_role("worker").size() + 1);
  EXPECT_EQ(graph_.cycles[0].certainty, Certainty::likely) << "the owner's capture broke its wait";
}

// Truth is ours: objects of public layouts.
TEST_F(Waits, OwnersAreReadWhereObjectsHaveThem) {
  const std::uint64_t at = seed_.world->pool(0x100), mutex = at + 0x40;
  machine().put(at + 0x28, owner());      // KMUTANT
  machine().put(mutex + 8, owner() | 1);  // FAST_MUTEX, a flag of its own
  look(true);
  for (const auto& [kind, address] :
       {std::pair(ObjectKind::mutant, at), std::pair(ObjectKind::fast_mutex, mutex),
        std::pair(ObjectKind::guarded_mutex, mutex), std::pair(ObjectKind::thread, owner())}) {
    const auto found = owners(kind, address);
    ASSERT_EQ(found.holders.size(), 1u) << name_of(kind);
    EXPECT_EQ(found.holders[0].thread, owner());
    EXPECT_EQ(found.holders[0].certainty, Certainty::fact);
  }
  const auto none = owners(ObjectKind::mutant, at + 0x80);
  EXPECT_TRUE(none.holders.empty());
  EXPECT_FALSE(none.why_not_known.empty());
  const auto lost = owners(ObjectKind::mutant, 0xfffff12300000000);
  EXPECT_TRUE(lost.holders.empty());
  EXPECT_EQ(lost.why_not_known, "the object is not in the dump");
  EXPECT_FALSE(owners(ObjectKind::event, at).why_not_known.empty());
}

}  // namespace
}  // namespace ntstack
