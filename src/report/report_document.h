// What `ntstack report` tells, as one document: every stack with its frames by number, so that
// thousands of threads stay small, and what analyze, groups and modules say. The page shows it, and
// `--json` writes it.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "analysis/wait_graph.h"
#include "report/analyze.h"
#include "report/facts.h"
#include "stacks/file_needs.h"

namespace ntstack::report {

struct ReportFacts {
  const StackFacts& stacks;
  const AnalysisFacts* analysis;                // of the dump where there is one; else null
  const analysis::WaitGraph& waits;             // of the stacks
  const std::vector<stacks::FileNeeds>& needs;  // of every module on them
};
nlohmann::ordered_json report_document(const ReportFacts& facts);

}  // namespace ntstack::report
