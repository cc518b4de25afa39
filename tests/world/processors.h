// The second world: a machine of four processors at a bugcheck. Processor 0 is in a system call, 1
// crashes in a DPC on its DPC stack above a thread that it interrupted, 2 is idle, 3 handles a page
// fault from user mode.
#pragma once

#include <filesystem>
#include <memory>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

struct Processors : Crash {
  std::unique_ptr<KernelWorld> world;
};

// On a fresh kernel: its first process is w3wp.exe, its second the idle one.
Crash run_processors(KernelWorld& world);
Processors build_processors(const std::filesystem::path& modules);

}  // namespace ntstack::world
