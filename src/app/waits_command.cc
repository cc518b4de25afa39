#include "app/waits_command.h"

#include "analysis/wait_graph.h"
#include "app/output.h"
#include "app/terminal.h"
#include "app/wait_sources.h"
#include "app/walked.h"
#include "report/waits.h"

namespace ntstack::app {

int run_waits(const WaitsOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of({});
  if (!choice) return wrong(choice.error(), err);
  if (options.dumps.empty()) return wrong({"waits takes a dump: ntstack waits DUMP", {}}, err);
  Downloads downloads(options.paths, err);
  auto walked = walk_dumps({options.dumps, options.paths, *choice, &downloads});
  if (!walked) return failed(walked.error(), err);
  const WaitSources readers(walked->set.sessions);
  const analysis::WaitGraph graph = analysis::wait_graph_of(walked->stacks, readers.sources());
  const report::StackFacts facts = stack_facts_of(*walked, true);
  if (options.json || options.json_lines)
    return write_list(report::waits_json(facts, graph), "/graph/waits", "wait", options.json_lines,
                      out, err);
  return write(report::waits_text(facts, graph, {wants_colour(out), true}, options.verbose), out,
               err);
}

}  // namespace ntstack::app
