// What threads of the physical world do, run once each by the emulator: the stacks that waiting
// threads leave, to be copied to as many threads as a machine shall have.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "world/kernel_world.h"
#include "world/truth.h"

namespace ntstack::world {

struct Story {
  std::string role;
  Thread thread;      // as it ran
  ThreadTruth truth;  // of that run
  std::uint8_t state = 5, wait_reason = 0;
  std::vector<std::vector<std::uint8_t>> stacks;  // whole, one for each segment of the truth
};

struct Stories {
  std::shared_ptr<const KernelObjects> world;  // its memory is what the dumps take
  Crash crash;                                 // what its processors do
  std::vector<Story> console;  // x64: ConsoleApp1.exe's four threads, in their order
  std::vector<Story> system;   // of threads that never were in user mode
  std::vector<Story> user;     // the other threads'
  // The process of what runs on the processors; its address, or 0: anywhere.
  std::string running_name = "w3wp.exe";
  std::uint64_t running_id = 0x1a2c, running_process = 0;
};

// On x64. `modules`: as build_modules.sh makes them.
Stories run_stories(const std::filesystem::path& modules);
// On x86 and ARM64, with the modules of tests/world_x86 (of the layout's build) and
// tests/world_arm64.
Stories run_x86_stories(const std::filesystem::path& modules, const KernelLayout& layout);
// The same but for its crash: one processor, whose thread ran out of its stack.
Stories run_x86_double_fault(const std::filesystem::path& modules, const KernelLayout& layout);
Stories run_arm64_stories(const std::filesystem::path& modules);

// A thread's finished run: its state and its stacks as they are in `world` now.
Story story_of(const KernelObjects& world, const Thread& thread, const ThreadTruth& truth);

// Of the published case: ConsoleApp1.exe's main thread, letter for letter.
std::string_view console_listing();

}  // namespace ntstack::world
