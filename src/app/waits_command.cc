#include "app/waits_command.h"

#include <memory>

#include "analysis/wait_graph.h"
#include "app/output.h"
#include "app/terminal.h"
#include "app/walked.h"
#include "report/waits.h"
#include "stacks/origin.h"

namespace ntstack::app {
namespace {

// Readers of each dump's objects; kernel dumps of one boot share their addresses.
struct Readers {
  std::vector<std::unique_ptr<analysis::WaitReader>> owned;
  std::vector<analysis::WaitSource> sources;
};

Readers readers_of(std::vector<Session>& sessions) {
  Readers readers;
  std::vector<stacks::Origin> origins;
  for (Session& session : sessions) {
    const analysis::KernelView view(session.machine(), session.symbolizer());
    readers.owned.push_back(
        std::make_unique<analysis::WaitReader>(view, session.symbolizer_maker()));
    const stacks::Origin origin = stacks::origin_of(session.machine());
    auto machine = static_cast<std::uint32_t>(origins.size());
    for (std::uint32_t i = 0; i < origins.size() && !origin.is_user; ++i)
      if (!origins[i].is_user && stacks::difference(origins[i], origin).empty()) {
        machine = i;
        break;
      }
    origins.push_back(origin);
    readers.sources.push_back({readers.owned.back().get(), machine});
  }
  return readers;
}

}  // namespace

int run_waits(const WaitsOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of({});
  if (!choice) return wrong(choice.error(), err);
  if (options.dumps.empty()) return wrong({"waits takes a dump: ntstack waits DUMP", {}}, err);
  Downloads downloads(options.paths, err);
  auto walked = walk_dumps({options.dumps, options.paths, *choice, &downloads});
  if (!walked) return failed(walked.error(), err);
  Readers readers = readers_of(walked->set.sessions);
  const analysis::WaitGraph graph = analysis::wait_graph_of(walked->stacks, readers.sources);
  const report::StackFacts facts = stack_facts_of(*walked, true);
  if (options.json) return write(report::waits_json(facts, graph), out, err);
  return write(report::waits_text(facts, graph, {wants_colour(out), true}, options.verbose), out,
               err);
}

}  // namespace ntstack::app
