#include "analysis/cycles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ntstack::analysis {
namespace {

using Sequence = std::vector<std::uint32_t>;

// Names as numbers, by their first letters.
Sequence letters(std::string_view text) { return {text.begin(), text.end()}; }

bool is_rotation(const Sequence& a, const Sequence& b) {
  Sequence twice = b;
  twice.insert(twice.end(), b.begin(), b.end());
  return a.size() == b.size() && !std::ranges::search(twice, a).empty();
}

TEST(Cycles, OneFunctionThatCallsItselfIsACycleOfOne) {
  const Cycles found = find_cycles(letters("abcffffffffxy"));
  ASSERT_EQ(found.cycles.size(), 1u);
  EXPECT_EQ(found.cycles[0].unit, letters("f"));
  EXPECT_EQ(found.cycles[0].rounds, 8u);
  EXPECT_EQ(found.cycles[0].first, 3u);
  EXPECT_EQ(found.cycles[0].end, 11u);
}

// The third seed's modules: N Ntfs, P nt!IoPageRead, 1 BossHog01, B BossHog, H BabyHog, f fltmgr.
TEST(Cycles, TheSeedsDriversAreEnteredAgain) {
  const Cycles found = find_cycles(letters("x1d1p1BHfNcHMC1BHfNP1BHfNP1BHf"));
  ASSERT_FALSE(found.cycles.empty());
  const Cycle& cycle = found.cycles.back();
  EXPECT_EQ(cycle.unit, letters("1BHfNP"));
  EXPECT_EQ(cycle.rounds, 2u);
  EXPECT_EQ(cycle.unfinished, 4u);
  EXPECT_EQ(cycle.end, 30u);
}

TEST(Cycles, NothingComesAgainInDistinctItems) {
  Sequence distinct(4096);
  for (std::size_t i = 0; i < distinct.size(); ++i) distinct[i] = static_cast<std::uint32_t>(i);
  EXPECT_TRUE(find_cycles(distinct).cycles.empty());
  EXPECT_TRUE(find_cycles({}).cycles.empty());
}

TEST(Cycles, TwoCyclesBesideEachOtherAreBothFound) {
  const Cycles found = find_cycles(letters("-abcabcabc+dededede."));
  ASSERT_EQ(found.cycles.size(), 2u);
  EXPECT_EQ(found.cycles[0].unit, letters("abc"));
  EXPECT_EQ(found.cycles[0].rounds, 3u);
  EXPECT_EQ(found.cycles[1].unit, letters("de"));
  EXPECT_EQ(found.cycles[1].rounds, 4u);
}

// Any unit of distinct items, repeated, among items that come once: found whole.
TEST(Cycles, EveryExactRepetitionIsFoundWithItsRounds) {
  std::mt19937 random(11);
  for (int test = 0; test < 2000; ++test) {
    const std::size_t period = 1 + random() % 20, rounds = 2 + random() % 30;
    const std::size_t before = random() % 10, behind = random() % 10, cut = random() % period;
    std::uint32_t next = 1000;
    Sequence unit, all;
    for (std::size_t i = 0; i < period; ++i) unit.push_back(static_cast<std::uint32_t>(i));
    for (std::size_t i = 0; i < before; ++i) all.push_back(next++);
    for (std::size_t i = 0; i < rounds; ++i) all.insert(all.end(), unit.begin(), unit.end());
    all.insert(all.end(), unit.begin(), unit.begin() + static_cast<std::ptrdiff_t>(cut));
    for (std::size_t i = 0; i < behind; ++i) all.push_back(next++);
    const Cycles found = find_cycles(all);
    ASSERT_EQ(found.cycles.size(), 1u);
    const Cycle& cycle = found.cycles[0];
    EXPECT_TRUE(is_rotation(cycle.unit, unit));
    EXPECT_EQ(cycle.rounds, rounds);
    EXPECT_EQ(cycle.unfinished, cut);
    EXPECT_EQ(cycle.first, before);
    EXPECT_EQ(cycle.end, before + rounds * period + cut);
    EXPECT_TRUE(cycle.is_exact);
  }
}

// One item of some rounds is left out, put in or another: the rounds are still counted.
TEST(Cycles, SmallDifferencesBetweenRoundsDoNotEndACycle) {
  std::mt19937 random(12);
  for (int test = 0; test < 1000; ++test) {
    const std::size_t period = 8 + random() % 12, rounds = 4 + random() % 20;
    std::uint32_t next = 1000;
    Sequence all;
    for (std::size_t r = 0; r < rounds; ++r) {
      Sequence unit;
      for (std::size_t i = 0; i < period; ++i) unit.push_back(static_cast<std::uint32_t>(i));
      // Rounds that are changed lie apart, so that most are the unit itself; the last is not: it
      // would count as begun.
      const std::size_t at = 1 + random() % (period - 1);
      if (r % 3 == 1 && r + 1 < rounds) {
        const auto kind = random() % 3;
        if (kind == 0) unit.erase(unit.begin() + static_cast<std::ptrdiff_t>(at));
        if (kind == 1) unit.insert(unit.begin() + static_cast<std::ptrdiff_t>(at), next++);
        if (kind == 2) unit[at] = next++;
      }
      all.insert(all.end(), unit.begin(), unit.end());
    }
    const Cycles found = find_cycles(all);
    ASSERT_EQ(found.cycles.size(), 1u);
    EXPECT_EQ(found.cycles[0].rounds, rounds);
    EXPECT_GE(found.cycles[0].end - found.cycles[0].first, all.size() - 1);
    EXPECT_FALSE(found.cycles[0].is_exact);
  }
}

// What is said of a cycle holds, and the work is bounded, whatever the sequence.
TEST(Cycles, AnySequenceGivesTrueCyclesForBoundedWork) {
  std::mt19937 random(13);
  for (int test = 0; test < 60; ++test) {
    Sequence all(random() % 4097);
    const std::uint32_t alphabet = 1 + random() % (test % 2 == 0 ? 4 : 400);
    for (auto& each : all) each = static_cast<std::uint32_t>(random()) % alphabet;
    const Cycles found = find_cycles(all);
    EXPECT_LE(found.work, kMostCycleWork);
    std::size_t end = 0;
    for (const Cycle& cycle : found.cycles) {
      EXPECT_GE(cycle.first, end);
      EXPECT_GT(cycle.end, cycle.first);
      EXPECT_LE(cycle.end, all.size());
      EXPECT_GE(cycle.rounds, 2u);
      EXPECT_EQ(cycle.starts.size(), cycle.rounds);
      for (const std::size_t start : cycle.starts) EXPECT_EQ(all[start], all[cycle.first]);
      EXPECT_EQ(cycle.unit.front(), all[cycle.first]);
      end = cycle.end;
    }
  }
}

}  // namespace
}  // namespace ntstack::analysis
