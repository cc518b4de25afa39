// The kernel's lists of processes and of handles, read out of its replies. Counts, offsets and
// strings of a reply are followed only inside of it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "capture/system.h"

namespace ntstack::capture {

// Of SystemProcessInformation, or with `extended` of SystemExtendedProcessInformation. `address` is
// where the reply's first byte stood when the kernel wrote it: names are pointers into it. What is
// cut off is left out. Word: the system's pointer, std::uint32_t or std::uint64_t.
template <class Word>
std::vector<ProcessFacts> read_process_list(base::Bytes reply, std::uint64_t address,
                                            bool extended);

// Of SystemExtendedHandleInformation, the handles of one process.
template <class Word>
std::vector<HandleFacts> read_handle_list(base::Bytes reply, std::uint32_t process_id);

// Of SystemModuleInformation: the kernel's images, in its order. Paths are as the kernel has them.
template <class Word>
std::vector<dump::ModuleRecord> read_module_list(base::Bytes reply);

extern template std::vector<dump::ModuleRecord> read_module_list<std::uint32_t>(base::Bytes);
extern template std::vector<dump::ModuleRecord> read_module_list<std::uint64_t>(base::Bytes);
extern template std::vector<ProcessFacts> read_process_list<std::uint32_t>(base::Bytes,
                                                                           std::uint64_t, bool);
extern template std::vector<ProcessFacts> read_process_list<std::uint64_t>(base::Bytes,
                                                                           std::uint64_t, bool);
extern template std::vector<HandleFacts> read_handle_list<std::uint32_t>(base::Bytes,
                                                                         std::uint32_t);
extern template std::vector<HandleFacts> read_handle_list<std::uint64_t>(base::Bytes,
                                                                         std::uint32_t);

}  // namespace ntstack::capture
