// Accounts of stacks that are put down by hand, the third seed's among them: its totals were summed
// by a script of its own over the listing's columns (awk over "Memory" and the module's name).
#include "analysis/stack_account.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "analysis/seed3_listing.h"
#include "analysis/stack_verdict.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;
using target::StackKind;

symbols::Symbol symbol_of(std::string_view site) {
  symbols::Symbol symbol;
  const auto plus = site.rfind('+'), mark = site.find('!');
  symbol.module = site.substr(0, std::min(mark, plus));
  if (mark != std::string_view::npos) symbol.name = site.substr(mark + 1, plus - mark - 1);
  symbol.offset = std::stoul(std::string(site.substr(plus + 1)), nullptr, 16);
  return symbol;
}

// WinDbg counts a frame from ChildEBP to ChildEBP; the stack pointer behind the callee's return is
// two words above the callee's.
Stack seed3() {
  Stack stack;
  stack.segments = {{StackKind::thread, kListedLimit, kListedBase, true, {}}};
  std::uint32_t ebp_above = kListing[0].child_ebp;
  for (const ListedFrame& listed : kListing) {
    Frame frame;
    frame.child_sp = ebp_above + 8;
    frame.child_ebp = listed.child_ebp;
    frame.frame_bytes = listed.bytes;
    frame.symbol = symbol_of(listed.site);
    frame.is_call_site = true;
    frame.trust = unwind::Trust::frame_pointer;
    ebp_above = listed.child_ebp;
    stack.frames.push_back(std::move(frame));
  }
  return stack;
}

StackAccount account_of_seed3() { return account_of(seed3(), base::Architecture::x86); }

TEST(StackAccount, TheSeedsListingAddsUpByModule) {
  const StackAccount account = account_of_seed3();
  std::map<std::string, std::uint64_t> bytes;
  std::map<std::string, std::size_t> frames;
  for (const Share& share : account.modules) {
    bytes[share.module] = share.bytes;
    frames[share.module] = share.frames;
  }
  EXPECT_EQ(bytes, (std::map<std::string, std::uint64_t>{{"nt", 2652},
                                                         {"fltmgr", 164},
                                                         {"BabyHog", 600},
                                                         {"BossHog", 800},
                                                         {"BossHog01", 1684},
                                                         {"Ntfs", 4004},
                                                         {"MamaHog", 1292},
                                                         {"daddyHog", 120}}));
  EXPECT_EQ(frames, (std::map<std::string, std::size_t>{{"nt", 46},
                                                        {"fltmgr", 4},
                                                        {"BabyHog", 10},
                                                        {"BossHog", 13},
                                                        {"BossHog01", 20},
                                                        {"Ntfs", 17},
                                                        {"MamaHog", 5},
                                                        {"daddyHog", 2}}));
  EXPECT_EQ(account.counted, 11316u);
}

TEST(StackAccount, TheSeedsStackIsAllButFull) {
  const StackAccount account = account_of_seed3();
  ASSERT_EQ(account.segments.size(), 1u);
  const SegmentUse& use = account.segments[0];
  EXPECT_EQ(use.size, 0x3000u);
  EXPECT_EQ(use.used, kListedBase - (kListing[0].child_ebp + 8));
  EXPECT_EQ(use.left, kListing[0].child_ebp + 8 - kListedLimit);
  EXPECT_EQ(use.counted + use.at_base, use.used);
  EXPECT_EQ(use.past_limit, 0u);
  EXPECT_FALSE(use.may_grow);
}

// 592 bytes of IofCallDriver, IopfCompleteRequest, FltpDispatch and FltpCreate.
TEST(StackAccount, WhatPassesIrpsOnIsOverhead) {
  const StackAccount account = account_of_seed3();
  EXPECT_EQ(account.overhead, 592u);
  EXPECT_EQ(account.modules[0].module, "Ntfs");
  EXPECT_EQ(account.modules[0].own_bytes(), 4004u);
}

TEST(StackAccount, TheSeedsLargestFrameIsTheHogs) {
  const Stack stack = seed3();
  const StackAccount account = account_of_seed3();
  EXPECT_EQ(account.frames[account.largest[0]].bytes, 708u);
  EXPECT_EQ(stack.frames[account.frames[account.largest[0]].frame].symbol.text(), "MamaHog+0x422a");
}

// The seed's author summed by hand and came to 4176: four frames were left out.
TEST(StackAccount, TheVerdictNamesTheProductsDriversWith4496Bytes) {
  const Stack stack = seed3();
  const StackAccount account = account_of_seed3();
  const StackVerdict verdict = verdict_of(account);
  EXPECT_EQ(verdict.modules,
            (std::vector<std::string>{"BossHog01", "MamaHog", "BossHog", "BabyHog", "daddyHog"}));
  EXPECT_EQ(verdict.bytes, 4496u);
  EXPECT_EQ(verdict.frames, 50u);
  FrameEvidence evidence;
  evidence.taken = {{0xb8d8c0ed, code::Taking::allocates, 656, "add esp,0FFFFFD70h"}};
  EXPECT_EQ(sentence_of(verdict, account, stack, &evidence, nullptr, false),
            "BossHog01, MamaHog, BossHog, BabyHog and daddyHog, drivers that by their names are "
            "not Windows' own, together used 4496 bytes, 37 % of what is in use, in 50 frames, 708 "
            "bytes of it in one, MamaHog+0x422a (656 of them by `add esp,0FFFFFD70h` at b8d8c0ed)");
}

TEST(StackAccount, ALocalOfMostOfTheLargestFrameIsNamed) {
  const Stack stack = seed3();
  const StackAccount account = account_of_seed3();
  const StackVerdict verdict = verdict_of(account);
  FrameLocals locals;
  locals.locals = {{"argument", "", "_BIG", 400, "ebp", 8, true},
                   {"buffer", "", "char[355]", 355, "ebp", -360, false}};
  const std::string sentence = sentence_of(verdict, account, stack, nullptr, &locals, false);
  EXPECT_TRUE(sentence.ends_with("MamaHog+0x422a (355 of them are its local `buffer`)"))
      << sentence;
  locals.locals[1].bytes = 354;  // half, and no more
  EXPECT_TRUE(
      sentence_of(verdict, account, stack, nullptr, &locals, false).ends_with("MamaHog+0x422a"));
  locals.locals[1] = {"inner", "helper", "char[600]", 600, "ebp", -600, false};
  EXPECT_TRUE(sentence_of(verdict, account, stack, nullptr, &locals, false)
                  .ends_with("(600 of them are its local `inner` of the inlined helper)"));
}

// A walk that ended on the first of two stacks: the other is accounted as it was left.
TEST(StackAccount, AnExpandedStackCountsWithWhatWasUsedBeforeIt) {
  Stack stack;
  stack.segments = {{target::StackKind::expanded, 0x10000, 0x16000},
                    {target::StackKind::thread, 0x20000, 0x26000, true, 0x24000}};
  stack.frames.resize(1);
  stack.frames[0].child_sp = 0x15000;
  stack.frames[0].frame_bytes = 0x100;
  const StackAccount account = account_of(stack, base::Architecture::x64);
  EXPECT_EQ(account.expansions(), 1u);
  EXPECT_EQ(account.size, 0xc000u);
  EXPECT_EQ(account.used, 0x1000u + 0x2000u);
  EXPECT_EQ(account.left, 0x5000u);
}

TEST(StackAccount, TheSeedsDriversAreEnteredInACycle) {
  const StackAccount account = account_of_seed3();
  ASSERT_FALSE(account.repetitions.empty());
  const Repetition& first = account.repetitions[0];
  EXPECT_EQ(first.round, (std::vector<std::string>{"BossHog01", "BossHog", "BabyHog", "fltmgr",
                                                   "Ntfs", "nt!IoPageRead"}));
  EXPECT_EQ(first.rounds, 2u);
  EXPECT_EQ(first.unfinished, 4u);
  EXPECT_EQ(first.youngest_frame, 1u);  // above it is nt!IofCallDriver
  EXPECT_TRUE(first.is_exact);
}

Frame frame(std::uint64_t sp, std::uint64_t bytes, std::string module, std::string name = "f") {
  Frame frame;
  frame.child_sp = sp;
  frame.frame_bytes = bytes;
  frame.symbol.module = std::move(module);
  frame.symbol.name = std::move(name);
  return frame;
}

TEST(StackAccount, AFunctionThatCallsItselfIsARecursion) {
  Stack stack;
  stack.segments = {{StackKind::thread, 0x10000, 0x16000, true, {}}};
  for (std::uint64_t i = 0; i < 40; ++i)
    stack.frames.push_back(frame(0x10400 + i * 0x100, 0x100, "walker", i % 2 ? "Node" : "Child"));
  const StackAccount account = account_of(stack, base::Architecture::x64);
  ASSERT_EQ(account.repetitions.size(), 1u);
  EXPECT_TRUE(account.repetitions[0].of_functions);
  EXPECT_EQ(account.repetitions[0].rounds, 20u);
  EXPECT_EQ(account.repetitions[0].bytes, 40 * 0x100u);
}

TEST(StackAccount, AStackPointerBelowTheLimitIsPastIt) {
  Stack stack;
  stack.segments = {{StackKind::thread, 0x10000, 0x16000, true, {}}};
  stack.frames = {frame(0xffe0, 0x100, "driver")};
  const StackAccount account = account_of(stack, base::Architecture::x64);
  EXPECT_EQ(account.segments[0].past_limit, 0x20u);
  EXPECT_EQ(account.left, 0u);
}

TEST(StackAccount, ALargerStackSaysHowFarItMightGrow) {
  Stack stack;
  stack.segments = {{StackKind::thread, 0x10000, 0x18000, true, {}}};
  stack.frames = {frame(0x17000, 0x100, "driver")};
  EXPECT_EQ(account_of(stack, base::Architecture::x64).segments[0].may_grow, 0xa000u);
}

TEST(StackAccount, ADoubleFaultsStackIsNotTheThreads) {
  Stack stack;
  stack.segments = {{StackKind::task, 0x8000, 0xb000, false, {}},
                    {StackKind::thread, 0x10000, 0x13000, true, {}}};
  stack.frames = {frame(0xaf00, 0x40, "nt", "KeBugCheckEx"), frame(0x10010, 0x200, "driver")};
  const StackAccount account = account_of(stack, base::Architecture::x86);
  EXPECT_EQ(account.size, 0x3000u);
  EXPECT_EQ(account.counted, 0x200u);
  EXPECT_EQ(account.left, 0x10u);
  ASSERT_TRUE(account.in_use());
  EXPECT_EQ(account.in_use()->segment.kind, StackKind::thread);
}

// Frames that overlap, run backwards, claim more than there is, or wrap.
TEST(StackAccount, FramesThatLieAddUpToNoMoreThanTheStackHas) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 2000; ++round) {
    Stack stack;
    const std::uint64_t limit = random() % 4 == 0 ? random() : 0xfffff88001000000;
    const std::uint64_t size = random() % 8 == 0 ? random() : 0x6000;
    stack.segments = {{StackKind::thread, limit, limit + size, true, {}}};
    const std::size_t frames = random() % 50;
    for (std::size_t i = 0; i < frames; ++i) {
      const std::uint64_t sp = random() % 8 == 0 ? random() : limit + random() % 0x7000;
      const std::uint64_t bytes = random() % 8 == 0 ? random() : random() % 0x400;
      stack.frames.push_back(frame(sp, bytes, random() % 2 ? "a" : "b"));
      if (random() % 8 == 0) stack.frames.back().frame_bytes.reset();
    }
    const StackAccount account = account_of(stack, base::Architecture::x64);
    std::uint64_t by_module = 0;
    for (const Share& share : account.modules) by_module += share.bytes;
    EXPECT_EQ(by_module, account.counted);
    for (const SegmentUse& use : account.segments) {
      // Frames may begin below the youngest, and end at the base: never more than the stack.
      EXPECT_LE(use.counted, use.size + 0x1000);
      EXPECT_LE(use.used, use.size + 0x1000);
      EXPECT_LE(use.left, use.size);
    }
    verdict_of(account);
  }
}

}  // namespace
}  // namespace ntstack::analysis
