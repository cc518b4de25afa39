#include "app/analyze_command.h"

#include <fmt/format.h>

#include <string>

#include "analysis/stacks_in_question.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/stack_use_command.h"
#include "base/text.h"
#include "report/analyze.h"
#include "stacks/walker.h"

namespace ntstack::app {

int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  stacks::Walker walker(session->machine(), session->symbolizer(), {});
  const analysis::Beginning begin = analysis::beginning_of(session->machine(), walker);
  if (!options.json)
    fmt::print(out, "{}", report::bugcheck_parameters_text(session->machine().dump()));
  if (begin.is_by_stack_use) {
    StackUseOptions use;
    use.dump = options.dump;
    use.json = options.json;
    return run_stack_use(use, out, err);
  }
  StacksOptions stacks;
  stacks.dumps = {options.dump.dump};
  stacks.paths = options.dump;
  if (begin.crashed_thread != 0) stacks.threads.thread = base::hex_text(begin.crashed_thread);
  stacks.json = options.json;
  return run_stacks(stacks, out, err);
}

}  // namespace ntstack::app
