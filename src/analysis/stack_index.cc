#include "analysis/stack_index.h"

#include <algorithm>
#include <iterator>

namespace ntstack::analysis {

StackIndex::StackIndex(const target::Machine& machine) {
  for (const target::Thread& thread : machine.threads())
    for (const target::StackSegment& segment : thread.segments)
      spans_.push_back({segment, &thread});
  std::ranges::stable_sort(spans_, {}, &Span::limit);
  const auto same = std::ranges::unique(spans_, {}, &Span::limit);
  spans_.erase(same.begin(), same.end());
}

const target::Thread* StackIndex::thread_at(std::uint64_t address) const {
  const auto behind = std::ranges::upper_bound(spans_, address, {}, &Span::limit);
  if (behind == spans_.begin()) return nullptr;
  const Span& span = *std::prev(behind);
  return span.segment.contains(address) ? span.thread : nullptr;
}

}  // namespace ntstack::analysis
