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
  std::unique_ptr<KernelWorld> world;  // its memory is what the dumps take
  Crash crash;                         // what its four processors do
  std::vector<Story> console;          // ConsoleApp1.exe's four threads, in their order
  std::vector<Story> system;           // of threads that never were in user mode
  std::vector<Story> user;             // the other threads'
};

// `modules`: as build_modules.sh makes them.
Stories run_stories(const std::filesystem::path& modules);

// Of the published case: ConsoleApp1.exe's main thread, letter for letter.
std::string_view console_listing();

}  // namespace ntstack::world
