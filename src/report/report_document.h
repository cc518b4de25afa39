// What `ntstack report` tells, as one document: every stack with its frames by number, so that
// thousands of threads stay small, and what analyze, groups and modules say. The page shows it, and
// `--json` writes it.
#pragma once

#include <nlohmann/json.hpp>

#include "analysis/wait_graph.h"
#include "report/analyze.h"
#include "report/facts.h"

namespace ntstack::report {

// `analysis`: of the dump where there is one; else null. `waits`: of the stacks.
nlohmann::ordered_json report_document(const StackFacts& facts, const AnalysisFacts* analysis,
                                       const analysis::WaitGraph& waits);

}  // namespace ntstack::report
