// Finds the lists of threads that processes have, before anything of a thread is known.
#pragma once

#include "target/offsets/probe_process.h"

namespace ntstack::target {

struct ThreadList {
  std::uint32_t head = 0;              // in the process
  std::uint32_t entry = 0;             // in the thread
  std::vector<std::uint64_t> threads;  // the first ones of each process that was looked at
  std::vector<std::size_t> owners;     // the process of each, by index
};

// Lists whose entries lie in thread objects, at one same offset in all of them, and whose threads
// point back to the process. `running`: threads that processors are in.
std::vector<ThreadList> probe_thread_lists(const Evidence& evidence,
                                           const std::vector<Object>& processes,
                                           const std::vector<std::uint64_t>& running);

}  // namespace ntstack::target
