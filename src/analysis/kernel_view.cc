#include "analysis/kernel_view.h"

namespace ntstack::analysis {

const target::Thread* thread_with_stack(const target::Machine& machine, std::uint64_t address) {
  for (const target::Thread& thread : machine.threads())
    for (const target::StackSegment& segment : thread.segments)
      if (segment.contains(address)) return &thread;
  return nullptr;
}

}  // namespace ntstack::analysis
