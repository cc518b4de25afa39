// Who waits for whom, as text and as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "analysis/wait_graph.h"
#include "report/facts.h"
#include "report/text.h"

namespace ntstack::report {

// Diagnosis, chains as a tree, waits. `is_verbose`: all of them, those for work too.
std::string waits_text(const StackFacts& facts, const analysis::WaitGraph& graph,
                       const TextStyle& style, bool is_verbose);
std::string waits_json(const StackFacts& facts, const analysis::WaitGraph& graph);

// A few lines for the page of analyze; empty where nobody waits for anything that can be told.
// `stacks`: those that the graph is of.
std::string waits_summary_text(const analysis::WaitGraph& graph,
                               std::span<const stacks::Stack> stacks, bool is_64_bit,
                               const TextStyle& style, bool is_verbose);
// {diagnosis, objects, cycles, waits, cut}
nlohmann::ordered_json wait_graph_json(const analysis::WaitGraph& graph,
                                       std::span<const stacks::Stack> stacks, bool is_64_bit);

}  // namespace ntstack::report
