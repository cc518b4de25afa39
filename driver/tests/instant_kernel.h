// A kernel in which every APC runs at once, on a stack that the test gives: for the answers that
// the core writes, and for what it costs to.
#pragma once

#include <cstdint>
#include <vector>

#include "driver/core/kernel.h"

namespace ntstack::driver::tests {

// Of the thread that a handle leads to: the handle is a place in `threads`, plus 1.
struct InstantThread {
  StackLimits limits;
  Registers registers{};
  std::vector<std::uint64_t> frames;
  bool ends = false;
};

struct InstantKernel {
  std::vector<InstantThread> threads;
};

extern InstantKernel instant_kernel;

}  // namespace ntstack::driver::tests
