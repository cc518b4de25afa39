// The worlds are what their stories say, and their committed dumps are what is built here.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "test_files.h"
#include "world/processors.h"
#include "world/seed1.h"
#include "world/triage_writer.h"

namespace ntstack::world {
namespace {

namespace fs = std::filesystem;

fs::path modules() { return tests::binary_dir() / "tests" / "world" / "modules"; }

std::string text_of_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

const Seed1& seed1() {
  static const Seed1 seed = build_seed1(modules());
  return seed;
}

const ThreadTruth& thread_of(std::string_view role) {
  for (const ThreadTruth& thread : seed1().threads) {
    if (thread.role == role) return thread;
  }
  throw std::runtime_error("no such thread");
}

TEST(Seed1, AWorkersStackIsTheListingLetterForLetter) {
  EXPECT_EQ(joined(listing(seed1().world->images(), thread_of("worker"))), seed1_worker_listing());
}

TEST(Seed1, TheOwnersStackIsTheListingLetterForLetter) {
  EXPECT_EQ(joined(listing(seed1().world->images(), thread_of("owner"))), seed1_owner_listing());
}

TEST(Seed1, EveryWorkerStandsInTheSameCallsOnItsOwnStack) {
  std::size_t workers = 0, switched = 0;
  for (const ThreadTruth& thread : seed1().threads) {
    if (thread.role == "worker") {
      workers++;
      EXPECT_EQ(thread.capture, Capture::apc);
      ASSERT_EQ(thread.frames.size(), 24u);
    } else if (thread.role == "switched worker") {
      switched++;
      EXPECT_EQ(thread.capture, Capture::switched_out);
      EXPECT_EQ(listing(seed1().world->images(), thread)[0], "nt!KiSwapContext+0x76");
    }
    for (const TruthFrame& frame : thread.frames) {
      bool on_its_stack = false;
      for (const StackSegment& segment : thread.segments) {
        on_its_stack |= frame.child_sp >= segment.used_from && frame.child_sp < segment.base;
      }
      EXPECT_TRUE(on_its_stack);
    }
  }
  EXPECT_EQ(workers, 7u);
  EXPECT_EQ(switched, 2u);
}

TEST(Seed1, TheOwnerWaitsOnTheSecondOfItsTwoStacks) {
  const ThreadTruth& owner = thread_of("owner");
  ASSERT_EQ(owner.segments.size(), 2u);
  EXPECT_EQ(owner.segments[0].base, 0xfffff88012d70000u);
  EXPECT_EQ(owner.segments[1].base, 0xfffff8800c81c000u);
}

const Processors& processors() {
  static const Processors built = build_processors(modules());
  return built;
}

std::vector<std::string> lines_of(unsigned processor) {
  return listing(processors().world->images(), processors().threads[processor]);
}

TEST(ProcessorsWorld, TheCrashCrossesAFaultTheDpcStackAndTheInterrupt) {
  const auto lines = lines_of(1);
  ASSERT_EQ(lines.size(), 27u);
  EXPECT_EQ(lines[0], "nt!KeBugCheckEx");
  EXPECT_TRUE(lines[2].starts_with("nt!KiPageFault+")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("rdbss!RxpScanFcbs+")) << lines[3];
  EXPECT_TRUE(lines[7].starts_with("nt!KxRetireDpcList+0x5 (TrapFrame @")) << lines[7];
  EXPECT_EQ(lines[8], "nt!KiDispatchInterruptContinue");
  EXPECT_TRUE(lines[9].starts_with("nt!KiDpcInterrupt+")) << lines[9];
  EXPECT_EQ(lines[10], "rdbss!_RxAcquireFcb");
  EXPECT_TRUE(lines[26].starts_with("nt!KiSystemServiceCopyEnd+0x13 (TrapFrame @")) << lines[26];
  const ThreadTruth& thread = processors().threads[1];
  ASSERT_EQ(thread.segments.size(), 2u);
  EXPECT_LT(thread.frames[7].child_sp, thread.segments[0].base);
  EXPECT_GE(thread.frames[7].child_sp, thread.segments[0].used_from);
  EXPECT_GE(thread.frames[8].child_sp, thread.segments[1].used_from);
}

TEST(ProcessorsWorld, AnIdleProcessorsStackEndsAtTheIdleLoop) {
  const auto lines = lines_of(2);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[2].starts_with("nt!KiIdleLoop+")) << lines[2];
  EXPECT_EQ(processors().threads[2].frames[2].return_address, 0u);
}

TEST(ProcessorsWorld, APageFaultOfUserModeIsAtTheStacksEnd) {
  const ThreadTruth& thread = processors().threads[3];
  ASSERT_EQ(thread.frames.size(), 2u);
  EXPECT_EQ(thread.frames[1].return_address, thread.user_rip);
  EXPECT_EQ(thread.frames[1].trap_frame, thread.segments[0].initial_stack - 0x190);
}

// The samples are the same bytes wherever the same compiler and linker build them.
TEST(Samples, TheCommittedFilesAreWhatIsBuiltHere) {
  if (!NTSTACK_MAKES_SAMPLES) GTEST_SKIP() << "another compiler than the samples'";
  const fs::path folder = tests::source_dir() / "samples" / "seed1";
  const auto dump = write_triage_dump(*seed1().world, seed1().threads);
  EXPECT_TRUE(text_of_file(folder / "w3wp.dmp") == std::string(dump.begin(), dump.end()));
  EXPECT_TRUE(text_of_file(folder / "truth.json") ==
              to_json(seed1().world->images(), seed1().threads));
  const fs::path second = tests::source_dir() / "samples" / "processors";
  const auto crash = write_crash_dump(*processors().world, processors());
  EXPECT_TRUE(text_of_file(second / "processors.dmp") == std::string(crash.begin(), crash.end()));
  EXPECT_TRUE(text_of_file(second / "truth.json") ==
              to_json(processors().world->images(), processors().threads));
  for (const auto& file : fs::directory_iterator(folder / "symbols")) {
    EXPECT_TRUE(text_of_file(file.path()) == text_of_file(modules() / file.path().filename()))
        << file.path();
  }
}

TEST(Samples, BuildingTheWorldTwiceGivesTheSameDump) {
  const Seed1 again = build_seed1(modules());
  EXPECT_TRUE(write_triage_dump(*again.world, again.threads) ==
              write_triage_dump(*seed1().world, seed1().threads));
}

}  // namespace
}  // namespace ntstack::world
