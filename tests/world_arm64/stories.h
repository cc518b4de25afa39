// The worlds that dumps are written from, on ARM64: the first seed's web server, and a machine of
// four processors at a bugcheck.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "world_arm64/kernel.h"

namespace ntstack::world {

struct Arm64Seed1 {
  std::unique_ptr<Arm64World> world;
  std::vector<ThreadTruth> threads;  // in the order in which the dump was asked for them
};
Arm64Seed1 build_arm64_seed1(const std::filesystem::path& modules);

// Processor 0 is in a system call, 1 crashes in a DPC on its DPC stack above a thread that it
// interrupted, 2 is idle in a thread of the system's, 3 handles a page fault from user mode.
struct Arm64Processors : Crash {
  std::unique_ptr<Arm64World> world;
};
Arm64Processors build_arm64_processors(const std::filesystem::path& modules);

}  // namespace ntstack::world
