// What threads and processes of the physical world tell of themselves beside their stacks: written
// into their objects, and compared with what `ntstack threads|processes --json` says. Offsets from
// the public PDB types, of the builds that have tables; other builds get none.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "world_physical/kernel_data.h"

namespace ntstack::world {

// The page that every process shares (KUSER_SHARED_DATA), and the sessions.
void put_shared_data(VirtualMemory& memory, const KernelLayout& layout);
void put_thread_facts(VirtualMemory& memory, const KernelLayout& layout, std::uint64_t ethread,
                      std::uint64_t id, bool stack_paged_out);
void put_process_facts(VirtualMemory& memory, const KernelLayout& layout,
                       const ProcessTruth& process);

// How long the waiting thread with this ID has waited.
std::uint32_t waited_ticks_of(std::uint64_t id);

// Differences, a line each. Empty: the reports are the truth.
std::vector<std::string> thread_differences(const nlohmann::json& report, const KernelData& kernel);
std::vector<std::string> process_differences(const nlohmann::json& report,
                                             const KernelData& kernel);

}  // namespace ntstack::world
