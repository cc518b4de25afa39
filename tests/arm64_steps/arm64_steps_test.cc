// Each instruction that compiled ARM64 functions execute: a step from there, and the walk from
// there to the outermost caller, give the registers that the shadow stack holds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "arm64_images.h"
#include "arm64_walk.h"

namespace ntstack::tests {
namespace {

// The exported functions: addresses from the export directory, read here on its own.
std::vector<std::uint64_t> exported(const pe::Image& image) {
  std::vector<std::uint64_t> found;
  const std::uint32_t directory = image.directory(pe::Directory::exports).rva;
  const auto count = image.get<std::uint32_t>(directory + 20).value_or(0);
  const auto table = image.get<std::uint32_t>(directory + 28).value_or(0);
  for (std::uint32_t i = 0; directory && i < count; ++i)
    found.push_back(image.preferred_base() + image.get<std::uint32_t>(table + i * 4).value_or(0));
  return found;
}

void run_image(const std::filesystem::path& path, WalkCounts& counts) {
  EmulatedImage emulated(path);
  const auto functions = exported(emulated.image());
  ASSERT_GT(functions.size(), 60u);
  for (const std::uint64_t function : functions) {
    for (const std::uint64_t argument : {1ull, 2ull, 7ull, 1000ull}) {
      std::string failure;
      emulated.machine().before_instruction = [&](std::uint64_t) {
        failure = emulated.walk(counts);
        return !failure.empty();
      };
      ASSERT_NO_THROW(emulated.call(function, {{argument}})) << fmt::format("{:#x}", function);
      ASSERT_EQ(failure, "") << fmt::format("in the call of {:#x}", function);
      ++counts.runs;
    }
  }
}

TEST(Arm64Steps, EveryExecutedInstructionUnwindsToItsCallers) {
  NTSTACK_NEED_TOOL(clang, "clang-19");
  NTSTACK_NEED_TOOL(linker, "lld-link-19");
  const Arm64Images images;
  WalkCounts all;
  std::vector<std::filesystem::path> paths = images.shapes();
  paths.push_back(images.canonical());
  for (const std::filesystem::path& path : paths) {
    SCOPED_TRACE(path.filename().string());
    WalkCounts counts;
    run_image(path, counts);
    if (HasFailure()) return;
    std::cout << fmt::format(
        "{}: {} runs, {} instructions at {} places ({} in leaves), {} steps, at most {} frames; LR "
        "signed at {}, {} steps through signed LRs\n",
        path.filename().string(), counts.runs, counts.instructions, counts.places.size(),
        counts.leaves, counts.steps, counts.deepest, counts.signed_registers, counts.signed_steps);
    all.add(counts);
  }
  std::cout << fmt::format("{} instructions, {} steps, all as executed\n", all.instructions,
                           all.steps);
  EXPECT_GT(all.leaves, 0u);
  EXPECT_GT(all.signed_registers, 0u);
  EXPECT_GT(all.signed_steps, 0u);
}

}  // namespace
}  // namespace ntstack::tests
