// An analysis as a list of findings: each a conclusion with what it rests on, how sure it is, and
// what to do next.
#pragma once

#include <vector>

#include "analysis/analyze.h"

namespace ntstack::analysis {

// What matters most first. `DUMP` in what to do next is the dump's file.
std::vector<Finding> findings_of(const target::Machine& machine, const Analysis& analysis);

}  // namespace ntstack::analysis
