// The ARM64 worlds are what their stories say; their dumps are the same every time.
#include <gtest/gtest.h>

#include <string>

#include "test_files.h"
#include "world/seed1.h"
#include "world/triage_writer.h"
#include "world_arm64/stories.h"

namespace ntstack::world {
namespace {

std::filesystem::path modules() {
  return tests::binary_dir() / "tests" / "world_arm64" / "modules";
}

const Arm64Seed1& seed1() {
  static const Arm64Seed1 seed = build_arm64_seed1(modules());
  return seed;
}
const Arm64Processors& processors() {
  static const Arm64Processors built = build_arm64_processors(modules());
  return built;
}

// "nt!KiDeliverApc" of "nt!KiDeliverApc+0x1e3 (TrapFrame @ ...)".
std::string functions_of(std::string_view listing) {
  std::string names;
  while (!listing.empty()) {
    const std::string_view line = listing.substr(0, listing.find('\n'));
    names += std::string(line.substr(0, line.find_first_of("+ "))) + "\n";
    listing.remove_prefix(line.size() + 1);
  }
  return names;
}

std::string functions_of(const KernelObjects& world, const ThreadTruth& thread) {
  std::string lines;
  for (const std::string& line : listing(world.images(), thread)) lines += line + "\n";
  return functions_of(lines);
}

const ThreadTruth& thread_of(std::string_view role) {
  for (const ThreadTruth& thread : seed1().threads) {
    if (thread.role == role) return thread;
  }
  throw std::runtime_error("no such thread");
}

TEST(Arm64Seed1World, AWorkerStandsInTheFunctionsOfTheListing) {
  EXPECT_EQ(functions_of(*seed1().world, thread_of("worker")),
            functions_of(seed1_worker_listing()));
}

TEST(Arm64Seed1World, TheOwnerStandsInTheFunctionsOfTheListingOnTwoStacks) {
  const ThreadTruth& owner = thread_of("owner");
  EXPECT_EQ(functions_of(*seed1().world, owner), functions_of(seed1_owner_listing()));
  ASSERT_EQ(owner.segments.size(), 2u);
  EXPECT_EQ(owner.segments[0].base, 0xfffff88012d70000u);
  EXPECT_EQ(owner.segments[1].base, 0xfffff8800c81c000u);
}

TEST(Arm64Seed1World, EveryFrameLiesOnAStackOfItsThreadAndSomeReturnAddressesAreSigned) {
  std::size_t captured = 0, switched = 0, signed_slots = 0;
  for (const ThreadTruth& thread : seed1().threads) {
    captured += thread.capture == Capture::apc;
    switched += thread.capture == Capture::switched_out;
    for (const TruthFrame& frame : thread.frames) {
      bool on_its_stack = false;
      for (const StackSegment& segment : thread.segments)
        on_its_stack |= frame.child_sp >= segment.used_from && frame.child_sp <= segment.base;
      EXPECT_TRUE(on_its_stack);
    }
    // What a return address looks like once it is signed: its low 48 bits, other bits above.
    for (const StackSegment& segment : thread.segments) {
      for (std::uint64_t at = segment.used_from; at + 8 <= segment.base; at += 8) {
        const std::uint64_t value = seed1().world->memory().get(at);
        for (const TruthFrame& frame : thread.frames) {
          signed_slots += value != frame.return_address &&
                          (value ^ frame.return_address) << 16 == 0 && frame.return_address >> 47;
        }
      }
    }
  }
  EXPECT_EQ(captured, 8u);
  EXPECT_EQ(switched, 2u);
  EXPECT_GT(signed_slots, 100u);
}

TEST(Arm64ProcessorsWorld, TheCrashCrossesAFaultTheDpcStackAndTheInterrupt) {
  const auto& thread = processors().threads[1];
  const auto lines = listing(processors().world->images(), thread);
  ASSERT_EQ(lines.size(), 27u);
  EXPECT_EQ(lines[0], "nt!KeBugCheckEx");
  EXPECT_TRUE(lines[2].starts_with("nt!KiPageFault+0x4c (TrapFrame @")) << lines[2];
  EXPECT_TRUE(lines[3].starts_with("rdbss!RxpScanFcbs+")) << lines[3];
  EXPECT_TRUE(lines[7].starts_with("nt!KxRetireDpcList+")) << lines[7];
  EXPECT_EQ(lines[8], "nt!KiDispatchInterruptContinue");
  EXPECT_TRUE(lines[9].starts_with("nt!KiDpcInterrupt+0xc (TrapFrame @")) << lines[9];
  EXPECT_EQ(lines[10], "rdbss!_RxAcquireFcb");
  ASSERT_EQ(thread.segments.size(), 2u);
  EXPECT_LT(thread.frames[7].child_sp, thread.segments[0].base);
  EXPECT_GE(thread.frames[8].child_sp, thread.segments[1].used_from);
}

TEST(Arm64ProcessorsWorld, AnIdleProcessorsStackEndsWhereItsThreadBegan) {
  const auto& thread = processors().threads[2];
  const auto lines = listing(processors().world->images(), thread);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_TRUE(lines[3].starts_with("nt!KiStartSystemThread+")) << lines[3];
  EXPECT_EQ(thread.frames[3].return_address, 0u);
}

TEST(Arm64ProcessorsWorld, APageFaultOfUserModeIsAtTheStacksEnd) {
  const ThreadTruth& thread = processors().threads[3];
  ASSERT_EQ(thread.frames.size(), 2u);
  EXPECT_EQ(thread.frames[1].return_address, thread.user_rip);
  EXPECT_EQ(thread.frames[1].trap_frame, thread.segments[0].initial_stack - 0x150);
}

TEST(Arm64Dumps, BuildingAWorldTwiceGivesTheSameDump) {
  const Arm64Seed1 again = build_arm64_seed1(modules());
  EXPECT_TRUE(write_triage_dump(*again.world, again.threads) ==
              write_triage_dump(*seed1().world, seed1().threads));
}

}  // namespace
}  // namespace ntstack::world
