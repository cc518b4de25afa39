#include "app/analyze_command.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "analysis/analyze.h"
#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "report/analyze.h"
#include "stacks/file_needs.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

// The files that would better the answer.
std::vector<store::Wanted> wanted_by(const analysis::Analysis& analysis, Session& session,
                                     const stacks::Walker& walker, const Downloads& downloads) {
  if (!downloads.are_possible() || downloads.was_interrupted()) return {};
  const auto is_hopeless = [&](const store::Wanted& file) { return downloads.is_hopeless(file); };
  const auto symbolizer_of = [&](const stacks::Stack& stack, const stacks::Frame& frame) {
    return walker.symbolizer_of(stack, frame);
  };
  std::vector<store::Wanted> wanted = session.lacking_kernel_files();
  std::ranges::copy(
      files_of(file_needs(analysis.stacks, symbolizer_of, is_hopeless, true), is_hopeless),
      std::back_inserter(wanted));
  return wanted;
}

}  // namespace

int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err) {
  if (options.bugchecks)
    return write(options.json ? report::bugchecks_json() : report::bugchecks_text(), out, err);
  if (options.dump.dump.empty())
    return wrong({"analyze takes a dump: ntstack analyze DUMP", {}}, err);
  Downloads downloads(options.dump, err);
  DumpOptions paths = options.dump;
  paths.answers = &downloads.answers();
  while (true) {
    auto session = Session::open(paths);
    if (!session) return failed(session.error(), err);
    stacks::Walker walker(session->machine(), session->symbolizer(), session->symbolizer_maker());
    const analysis::Analysis analysis =
        analysis::analyze(session->machine(), walker, session->symbolizer());
    // Each round asks for files that none before asked for.
    if (!downloads.get(wanted_by(analysis, *session, walker, downloads)).empty()) continue;
    const report::AnalysisFacts facts =
        report::analysis_facts(session->facts(), analysis, session->symbolizer());
    return write(options.json
                     ? report::analysis_json(facts)
                     : report::analysis_text(facts, {wants_colour(out), true}, options.verbose),
                 out, err);
  }
}

}  // namespace ntstack::app
