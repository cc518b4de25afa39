// The page's part on the threads of a machine or process that did not crash.
#pragma once

#include <string>

#include "report/analyze.h"

namespace ntstack::report {

// Empty for a crash.
std::string threads_text(const AnalysisFacts& facts, const TextStyle& style, bool is_verbose);

}  // namespace ntstack::report
