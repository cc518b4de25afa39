// On which thread's stack an address lies, asked for many addresses (thread_with_stack: for one).
#pragma once

#include <cstdint>
#include <vector>

#include "target/machine.h"

namespace ntstack::analysis {

class StackIndex {
 public:
  explicit StackIndex(const target::Machine& machine);  // outlives this
  // Null: on none. Of stacks that begin at one address the first thread's is taken.
  const target::Thread* thread_at(std::uint64_t address) const;

 private:
  struct Span {
    target::StackSegment segment;
    const target::Thread* thread = nullptr;
    std::uint64_t limit() const { return segment.limit; }
  };
  std::vector<Span> spans_;  // by their limits
};

}  // namespace ntstack::analysis
