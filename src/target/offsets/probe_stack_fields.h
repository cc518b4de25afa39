// Probes a KTHREAD's kernel stack: the page-aligned pair of its limit and base around the two
// pointers into it, and its trap frame.
#pragma once

#include "target/offsets/probe_thread.h"

namespace ntstack::target {

struct ThreadObject : Object {
  std::uint64_t process = 0;  // that lists it; 0: none did
  std::optional<std::uint64_t> process_id;
  bool is_system = false;  // of the first process
  std::uint64_t prcb = 0;  // of the processor that runs it; 0: none does
};

// Bytes that an ETHREAD may have at most, as far as is known of Windows.
inline std::uint32_t largest_thread(const Evidence& evidence) {
  return evidence.wide() ? 0xc00 : 0x600;
}

void probe_stack_fields(const Evidence& evidence, const std::vector<ThreadObject>& threads,
                        ProbedThreads& probed);

}  // namespace ntstack::target
