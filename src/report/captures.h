// What became of the threads that triage dumps of a process were asked for, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "report/facts.h"

namespace ntstack::report {

// "asked for 35 threads: 33 captured, 1 did not fit"; empty where the dump does not say.
std::string capture_text(const target::Machine& machine);

// {dump, requested, threads: [{index, status, capture, thread}]}; null where the dump does not say.
nlohmann::ordered_json capture_json(const DumpFacts& facts);

// Of several dumps: how many threads there are together, and those that lack.
std::string set_text(const StackFacts& facts);
nlohmann::ordered_json missing_threads_json(const StackFacts& facts);

}  // namespace ntstack::report
