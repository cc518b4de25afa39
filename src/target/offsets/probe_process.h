// Probes an EPROCESS: where its fields are, told by the processes of PsActiveProcessHead.
#pragma once

#include "target/offsets/probe_objects.h"

namespace ntstack::target {

// Offsets that several objects agree on, and that none else does as well; nothing where none is.
// `fitting`: all that would do.
struct ProbedOffset {
  std::vector<std::uint32_t> fitting;
  std::optional<std::uint32_t> value;
  bool was_tested = false;  // there were objects enough to tell
};

struct ProbedProcesses {
  std::vector<Object> objects;  // of the list, those that were looked at; the first is its first
  ProbedOffset links, id, parent_id, peb, image_file_name, directory_table_base;
};

// `threads`: addresses of threads that processors are in, which point to their processes.
ProbedProcesses probe_processes(const Evidence& evidence,
                                const std::vector<std::uint64_t>& threads);

}  // namespace ntstack::target
