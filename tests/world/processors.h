// The second world: a machine of four processors at a bugcheck. Processor 0 is in a system call, 1
// crashes in a DPC on its DPC stack above a thread that it interrupted, 2 is idle, 3 handles a page
// fault from user mode.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

struct Processors {
  std::unique_ptr<KernelWorld> world;
  std::vector<ThreadTruth> threads;  // one for each processor, by its number
  unsigned crashed = 1;
  std::uint32_t bugcheck = 0;
  std::array<std::uint64_t, 4> parameters{};
};

Processors build_processors(const std::filesystem::path& modules);

}  // namespace ntstack::world
