#include "app/analyzed.h"

#include <algorithm>
#include <iterator>

#include "stacks/file_needs.h"

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

base::Result<Analyzed> Analyzed::open(const DumpOptions& dump, Downloads& downloads) {
  DumpOptions paths = dump;
  downloads.serve(paths);
  while (true) {
    auto session = Session::open(paths);
    if (!session) return std::unexpected(std::move(session.error()));
    Analyzed analyzed;
    analyzed.session_ = std::move(*session);
    Session& kept = *analyzed.session_;
    analyzed.walker_ = std::make_unique<stacks::Walker>(kept.machine(), kept.symbolizer(),
                                                        kept.symbolizer_maker());
    analyzed.analysis_ = std::make_unique<analysis::Analysis>(analysis::analyze(
        kept.machine(), *analyzed.walker_, kept.symbolizer(), {}, kept.symbolizer_maker()));
    // Each round asks for files that none before asked for.
    if (downloads.get(wanted_by(*analyzed.analysis_, kept, *analyzed.walker_, downloads)).empty())
      return analyzed;
  }
}

report::AnalysisFacts Analyzed::facts() {
  return report::analysis_facts(session_->facts(), *analysis_, session_->symbolizer());
}

}  // namespace ntstack::app
