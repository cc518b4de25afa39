// What an analysis tells, as one page of text and as JSON, for `ntstack` and its console alike.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/analyze.h"
#include "report/stack_use.h"

namespace ntstack::report {

// Accounts of threads that nothing but their room speaks of.
inline constexpr std::size_t kMostAccounts = 3;

// The account of a stack, with the evidence of its largest frames; `top`: how many rows are shown.
StackUse stack_use_of(const stacks::Stack& stack, const target::Machine& machine,
                      symbols::Symbolizer& symbolizer, std::size_t top);

struct AnalysisFacts {
  DumpFacts of;
  const analysis::Analysis& analysis;
  std::vector<StackUse> accounts;  // of a stack's crash: who used the stack up
};
AnalysisFacts analysis_facts(const DumpFacts& of, const analysis::Analysis& analysis,
                             symbols::Symbolizer& symbolizer);

// One page; `is_verbose`: with all that was passed over, the whole stack and all evidence.
std::string analysis_text(const AnalysisFacts& facts, const TextStyle& style, bool is_verbose);
std::string analysis_json(const AnalysisFacts& facts);

// Every bugcheck that is known, a line each, and their number.
std::string bugchecks_text();
std::string bugchecks_json();

}  // namespace ntstack::report
