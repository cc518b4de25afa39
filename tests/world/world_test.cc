// The worlds are what the specification says, and their committed dumps are what is built here.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "test_files.h"
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

// The samples are the same bytes wherever the same compiler and linker build them.
TEST(Samples, TheCommittedFilesAreWhatIsBuiltHere) {
  if (!NTSTACK_MAKES_SAMPLES) GTEST_SKIP() << "another compiler than the samples'";
  const fs::path folder = tests::source_dir() / "samples" / "seed1";
  const auto dump = write_triage_dump(*seed1().world, seed1().threads);
  EXPECT_TRUE(text_of_file(folder / "w3wp.dmp") == std::string(dump.begin(), dump.end()));
  EXPECT_TRUE(text_of_file(folder / "truth.json") ==
              to_json(seed1().world->images(), seed1().threads));
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
