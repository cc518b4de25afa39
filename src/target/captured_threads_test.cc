// Which of the requested threads the objects of a dump are; and that a search through blocks that
// overlap ends. Whole dumps of processes are in tests/world_sets.
#include "target/captured_threads.h"

#include <gtest/gtest.h>

namespace ntstack::target {
namespace {

using enum Capture;

std::vector<std::string> told(const std::vector<RequestedThread>& requested) {
  std::vector<std::string> lines;
  for (const RequestedThread& thread : requested)
    lines.push_back(std::string(name_of(thread.capture)) +
                    (thread.thread ? " " + std::to_string(*thread.thread) : ""));
  return lines;
}

TEST(RequestedThreads, CapturedOnesAreTheObjectsInTheirOrder) {
  const std::uint32_t statuses[] = {0, 0x102, 0, 0xc000009a, 0xc0000001};
  const std::uint64_t objects[] = {100, 200};
  const auto requested =
      requested_threads(statuses, objects, [](std::uint64_t thread) { return thread == 100; });
  EXPECT_EQ(told(requested), (std::vector<std::string>{"captured 100", "timed_out", "no_stack 200",
                                                       "did_not_fit", "not_attempted"}));
}

TEST(RequestedThreads, WithAnotherNumberOfObjectsNoneIsSaidToBeAny) {
  const std::uint32_t statuses[] = {0, 0, 0x102};
  for (const std::vector<std::uint64_t>& objects :
       {std::vector<std::uint64_t>{}, {100}, {100, 200, 300}}) {
    const auto requested = requested_threads(statuses, objects, [](std::uint64_t) { return true; });
    EXPECT_EQ(told(requested), (std::vector<std::string>{"captured", "captured", "timed_out"}));
  }
}

// A table of blocks that names the same bytes again and again.
TEST(CapturedObjects, BytesThatManyBlocksNameAreSearchedOnce) {
  const std::vector<std::byte> bytes(1 << 20);
  dump::TriageRecords triage;
  for (std::uint64_t i = 0; i < 100'000; ++i)
    triage.data_blocks.push_back({0xfffff80000000000 + (i << 20), base::Bytes(bytes), 0x3000});
  triage.process = base::Bytes(bytes).clamp(0x100, 0x200);
  const Offsets offsets = Offsets::of(base::Architecture::x64, 19041, nullptr);
  const Layout layout{offsets, base::Architecture::x64, 19041};
  const base::SegmentSource memory;
  EXPECT_TRUE(find_captured_objects(triage, memory, layout, 8).threads.empty());
}

}  // namespace
}  // namespace ntstack::target
