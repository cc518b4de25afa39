// The case of Gary Nebbett's article "Examining Windows Kernel-mode Stacks via Triage Dumps": an
// IIS worker process whose threads wait for the resource of one file, while the thread that owns it
// waits for the server.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

struct Seed1 {
  std::unique_ptr<KernelWorld> world;
  std::vector<ThreadTruth> threads;  // in the order in which the dump was asked for them
};

Seed1 build_seed1(const std::filesystem::path& modules);

// The article's listings, letter for letter.
std::string_view seed1_worker_listing();
std::string_view seed1_owner_listing();

}  // namespace ntstack::world
