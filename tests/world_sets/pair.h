// The fourth seed's pair: ConsoleApp1.exe as `procdump -ma -mk` dumps it, X.dmp of its user half
// and X.Kernel.dmp of its threads' kernel stacks.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "world/kernel_world.h"
#include "world/triage_writer.h"
#include "world_sets/minidump_writer.h"
#include "world_sets/user_program.h"

namespace ntstack::world {

struct Pair {
  std::unique_ptr<KernelWorld> world;
  std::unique_ptr<UserProgram> program;
  std::vector<ProgramThread> threads;  // the main thread first; the last one's APC could not run
};

// `modules`: as build_modules.sh makes them.
Pair build_pair(const std::filesystem::path& modules);

std::vector<std::uint8_t> kernel_dump(const Pair& pair);
// `threads`: as the process had them when it was written.
std::vector<std::uint8_t> user_dump(const Pair& pair, const std::vector<ProgramThread>& threads);

// Of the published listings: the main thread's kernel frames, and its youngest two in user mode.
std::string_view pair_listing();

}  // namespace ntstack::world
