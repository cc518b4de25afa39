// !analyze: what happened, as `ntstack analyze` tells it.
#include "analysis/stacks_in_question.h"
#include "console/console.h"
#include "report/analyze.h"
#include "report/text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done analyze_command(Console& console, const Arguments&) {
  constexpr std::size_t rows = 10;  // of each list, as `ntstack stack-use` has it
  const target::Machine& machine = console.machine();
  stacks::Walker& walker = console.walker();
  const report::DumpFacts of{machine.dump(), machine, console.symbolizer(), console.file_name()};
  const analysis::Beginning begin = analysis::beginning_of(machine, walker);
  console.write(report::bugcheck_parameters_text(machine.dump()));
  if (begin.is_by_stack_use) {
    analysis::StacksInQuestion found =
        analysis::stacks_by_use(machine, walker, report::kMostAccounts);
    report::StackUseFacts facts{of, found.crash, {}, {}, rows, walker.missing()};
    facts.near_limits = std::move(found.near_limits);
    for (const stacks::Stack& stack : found.stacks)
      facts.stacks.push_back(report::stack_use_of(stack, machine, console.symbolizer(), rows));
    console.write(report::stack_use_text(facts, {}));
    return {};
  }
  stacks::Walker::IsWanted is_wanted;
  if (begin.crashed_thread != 0)
    is_wanted = [&](const target::Thread& thread) {
      return thread.address == begin.crashed_thread;
    };
  const std::vector<stacks::Stack> walked = walker.walk_all(is_wanted);
  console.write(report::stacks_text({of, {}, walked, walker.missing()}, {}));
  return {};
}

}  // namespace

std::vector<Command> analyze_commands() {
  return {{{"!analyze"},
           "",
           {"!analyze [-v]"},
           "What happened: the bugcheck, its stack, and who used up a kernel stack",
           "As `ntstack analyze` tells it. -v changes nothing: all is told.",
           {{"!analyze -v", "what happened"}},
           Completion::none,
           analyze_command}};
}

}  // namespace ntstack::console
