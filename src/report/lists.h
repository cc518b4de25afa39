// `ntstack processes` and `ntstack threads`: a line for each, aligned, and the same as JSON.
#pragma once

#include <string>
#include <vector>

#include "report/facts.h"

namespace ntstack::report {

struct ThreadEntry {
  const target::Thread* thread = nullptr;  // of the dump's machine
  std::string start_symbol;                // of where it started; empty: no name is at hand
};

// Where people say a thread started: the function that CreateThread was given, else the kernel's
// own.
std::optional<std::uint64_t> start_of(const target::Machine& machine, const target::Thread& thread);

std::string processes_text(const DumpFacts& facts,
                           const std::vector<const target::Process*>& processes);
std::string threads_text(const DumpFacts& facts, const std::vector<ThreadEntry>& threads);

}  // namespace ntstack::report
