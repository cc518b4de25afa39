// !analyze: what happened, as `ntstack analyze` tells it.
#include "analysis/analyze.h"
#include "console/console.h"
#include "report/analyze.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done analyze_command(Console& console, const Arguments& arguments) {
  const report::DumpFacts of{console.machine().dump(), console.machine(), console.symbolizer(),
                             console.file_name()};
  const analysis::Analysis analysis = analysis::analyze(
      console.machine(), console.walker(), console.symbolizer(),
      [&] { return console.is_interrupted(); }, console.symbolizer_maker());
  if (analysis.was_stopped) return base::fail("interrupted");
  const report::AnalysisFacts facts = report::analysis_facts(of, analysis, console.symbolizer());
  console.write(report::analysis_text(facts, {}, arguments.text == "-v"));
  return {};
}

}  // namespace

std::vector<Command> analyze_commands() {
  return {
      {{"!analyze"},
       "",
       {"!analyze [-v]"},
       "What happened, who is responsible and why, and what to do next",
       "The page of `ntstack analyze`. With -v all of it: the whole stack, every frame that was "
       "passed over, all evidence (`ntstack analyze --verbose`).",
       {{"!analyze", "what happened, on one page"}, {"!analyze -v", "the same with all evidence"}},
       Completion::none,
       analyze_command}};
}

}  // namespace ntstack::console
