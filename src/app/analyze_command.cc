#include "app/analyze_command.h"

#include <string>

#include "app/analyzed.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"

namespace ntstack::app {

int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err) {
  if (options.bugchecks)
    return write(options.json ? report::bugchecks_json() : report::bugchecks_text(), out, err);
  if (options.dump.dump.empty())
    return wrong({"analyze takes a dump: ntstack analyze DUMP", {}}, err);
  Downloads downloads(options.dump, err);
  auto analyzed = Analyzed::open(options.dump, downloads);
  if (!analyzed) return failed(analyzed.error(), err);
  const report::AnalysisFacts facts = analyzed->facts();
  return write(options.json
                   ? report::analysis_json(facts)
                   : report::analysis_text(facts, {wants_colour(out), true}, options.verbose),
               out, err);
}

}  // namespace ntstack::app
