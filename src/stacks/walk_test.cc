// What a walk remembers: what rests on a guess, which stacks it has been on, its anchors.
#include "stacks/walk.h"

#include <gtest/gtest.h>

namespace ntstack::stacks {
namespace {

using target::StackKind;
using unwind::Trust;

constexpr std::uint64_t kLimit = 0xffffd00000010000, kBase = 0xffffd00000016000;

Registers at(std::uint64_t rip, std::uint64_t sp) {
  return registers_at(base::Architecture::x64, rip, sp);
}

Walk walk_with(std::vector<Anchor> anchors) {
  return Walk(base::Architecture::x64, {{StackKind::thread, kLimit, kBase}}, std::move(anchors));
}

TEST(Walk, WhatFollowsAGuessIsAGuessUntilItIsConfirmed) {
  Walk walk = walk_with({});
  walk.push(at(1, kLimit), Trust::context, false);
  walk.push(at(2, kLimit + 8), Trust::scan, true);
  walk.begin_guess();
  walk.push(at(3, kLimit + 16), Trust::unwind_info, true);
  walk.doubt();
  EXPECT_EQ(walk.stack.frames[0].trust, Trust::context);
  EXPECT_EQ(walk.stack.frames[2].trust, Trust::scan);

  walk.push(at(4, kLimit + 24), Trust::scan, true);
  walk.begin_guess();
  walk.push(at(5, kLimit + 32), Trust::unwind_info, true);
  walk.confirm([](const Frame&, const Frame&) { return CallEdge::unknown; });
  walk.doubt();
  EXPECT_EQ(walk.stack.frames[3].trust, Trust::scan);
  EXPECT_EQ(walk.stack.frames[4].trust, Trust::unwind_info);
}

// A guess at frame 0, and three frames that were unwound from it, with these calls between them.
std::vector<Trust> trusts_with(std::vector<CallEdge> edges) {
  Walk walk = walk_with({});
  walk.push(at(0, kLimit), Trust::scan, true);
  walk.begin_guess();
  for (std::uint64_t i = 1; i <= 3; ++i) walk.push(at(i, kLimit + 8 * i), Trust::unwind_info, true);
  walk.confirm([&](const Frame& frame, const Frame& caller) {
    EXPECT_EQ(caller.ip, frame.ip + 1);
    return edges[frame.ip];
  });
  std::vector<Trust> trusts;
  for (const Frame& frame : walk.stack.frames) trusts.push_back(frame.trust);
  return trusts;
}

TEST(Walk, AFrameIsProvenLiveByTheCallsBelowItAlone) {
  using enum CallEdge;
  constexpr Trust exact = Trust::unwind_info, likely = Trust::reconstructed, guess = Trust::scan;
  EXPECT_EQ(trusts_with({matches, matches, matches}), (std::vector{guess, exact, exact, exact}));
  EXPECT_EQ(trusts_with({matches, unknown, matches}), (std::vector{guess, likely, exact, exact}));
  EXPECT_EQ(trusts_with({matches, matches, unknown}), (std::vector{guess, likely, likely, exact}));
  EXPECT_EQ(trusts_with({matches, differs, matches}), (std::vector{guess, guess, exact, exact}));
  EXPECT_EQ(trusts_with({matches, matches, no_call}), (std::vector{guess, guess, guess, exact}));
}

TEST(Walk, ItKnowsTheStacksThatItHasBeenOn) {
  Walk walk(base::Architecture::x64,
            {{StackKind::dpc, 0xffffd00000020000, 0xffffd00000026000},
             {StackKind::thread, kLimit, kBase}},
            {});
  walk.push(at(1, 0xffffd00000020100), Trust::context, false);
  EXPECT_EQ(walk.segment()->kind, StackKind::dpc);
  EXPECT_FALSE(walk.has_been_in(walk.known()[1]));
  walk.push(at(2, kLimit + 0x100), Trust::stack_switch, true);
  EXPECT_TRUE(walk.has_been_in(walk.known()[1]));
  EXPECT_EQ(walk.segment_of(kBase)->kind, StackKind::thread);  // all popped
  EXPECT_EQ(walk.segment_of(kBase + 8), nullptr);
}

TEST(Walk, AnchorsAreFoundByPlaceAndByRegisters) {
  Anchor anchor;
  anchor.at = kLimit + 0x100;
  anchor.registers = at(7, kLimit + 0x290);
  const Walk walk = walk_with({anchor});
  EXPECT_EQ(walk.anchor_between(kLimit, kLimit + 0x100), nullptr);
  EXPECT_NE(walk.anchor_between(kLimit, kLimit + 0x101), nullptr);
  EXPECT_EQ(walk.anchor_between(kLimit + 0x101, kBase), nullptr);
  EXPECT_NE(walk.anchor_with(at(7, kLimit + 0x290)), nullptr);
  EXPECT_EQ(walk.anchor_with(at(7, kLimit + 0x298)), nullptr);
}

}  // namespace
}  // namespace ntstack::stacks
