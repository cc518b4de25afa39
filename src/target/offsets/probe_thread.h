// Probes an ETHREAD: where its fields are, told by the threads of several processes' lists.
#pragma once

#include "target/offsets/probe_process.h"

namespace ntstack::target {

struct ProbedThreads {
  // Heads of lists of threads in EPROCESS and their entries in ETHREAD: the kernel's own list
  // (KPROCESS, KTHREAD), and the executive's.
  ProbedOffset kernel_head, kernel_entry, executive_head, executive_entry;
  ProbedOffset initial_stack, stack_limit, stack_base, kernel_stack, trap_frame;
  ProbedOffset apc_process, process, teb, state, cid, start_address, win32_start_address;
};

// `processors`: their PRCBs and current threads.
struct RunningThread {
  std::uint64_t prcb = 0, thread = 0;
};
ProbedThreads probe_threads(const Evidence& evidence, const ProbedProcesses& processes,
                            const std::vector<RunningThread>& running);

}  // namespace ntstack::target
