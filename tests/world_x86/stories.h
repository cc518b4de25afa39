// The worlds that dumps are written from, on x86: the first seed's web server, a machine of four
// processors at a bugcheck, and a stack overflow that ends in a double fault.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "world_x86/kernel.h"

namespace ntstack::world {

// The threads in the order in which the dump was asked for them: the first stands in its APC, the
// others are switched out. What a dump of this kind forges for further APCs on x86 is not known.
struct X86Seed1 {
  std::unique_ptr<X86World> world;
  std::vector<ThreadTruth> threads;
};
X86Seed1 build_x86_seed1(const std::filesystem::path& modules, const KernelLayout& layout);

struct X86Crash : Crash {
  std::unique_ptr<X86World> world;
};
// Processor 0 is in a system call, 1 crashes in a DPC on its DPC stack above a thread that it
// interrupted, 2 is idle, 3 handles a page fault from user mode.
X86Crash build_x86_processors(const std::filesystem::path& modules, const KernelLayout& layout);
// A system call runs out of its stack: the processor goes to the double fault's task, which
// crashes.
X86Crash build_x86_double_fault(const std::filesystem::path& modules, const KernelLayout& layout);

}  // namespace ntstack::world
