// !waits: who waits for whom, as `ntstack waits` tells it.
#include "analysis/wait_graph.h"
#include "console/all_stacks.h"
#include "console/console.h"
#include "report/waits.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done waits_command(Console& console, const Arguments& arguments) {
  const auto is_stopped = [&] { return console.is_interrupted(); };
  // As the subcommand takes them: processors first.
  const std::vector<stacks::Stack> stacks =
      console.walker().walk_all([&](const target::Thread&) { return !console.is_interrupted(); });
  analysis::WaitReader reader(console.kernel_view(), console.symbolizer_maker());
  const analysis::WaitSource source{&reader, 0};
  const analysis::WaitGraph graph =
      analysis::wait_graph_of(stacks, std::span(&source, 1), is_stopped);
  if (console.is_interrupted()) return base::fail("interrupted");
  const report::DumpFacts of{console.machine().dump(), console.machine(), console.symbolizer(),
                             console.file_name()};
  const report::StackFacts facts{of, {}, stacks, {}};
  console.write(report::waits_text(facts, graph, {}, arguments.text == "-v"));
  return {};
}

}  // namespace

std::vector<Command> wait_commands() {
  return {{{"!waits"},
           "",
           {"!waits [-v]"},
           "Who waits for whom: deadlocks, who holds up most threads, and how that is known",
           "The answer of `ntstack waits`: locks, requests and messages that threads wait for, who "
           "has\n"
           "them, by the kernel's objects where the dump has them, else by stacks. -v lists every "
           "wait.",
           {{"!waits", "who holds up whom"}, {"!waits -v", "every wait, those for work too"}},
           Completion::none,
           waits_command}};
}

}  // namespace ntstack::console
