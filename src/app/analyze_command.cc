#include "app/analyze_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "analysis/bugcheck.h"
#include "analysis/near_limit.h"
#include "app/commands.h"
#include "app/output.h"
#include "app/stack_use_command.h"
#include "base/text.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

struct Beginning {
  bool is_user_dump = false, is_crash = false, is_of_a_stack = false;
  std::string crashed_thread;  // its object's address, as --thread takes it; empty: not known
  std::string parameters;      // what they mean, a line each
};

std::string parameters_of(const dump::Dump& dump) {
  const auto* meaning = dump.bugcheck ? analysis::bugcheck_meaning(dump.bugcheck->code) : nullptr;
  std::string out;
  for (std::size_t i = 0; meaning && i < meaning->parameters.size(); ++i)
    if (!meaning->parameters[i].empty())
      out += fmt::format("  {:016x} {}\n", dump.bugcheck->parameters[i], meaning->parameters[i]);
  return out;
}

Beginning beginning_of(Session& session) {
  const target::Machine& machine = session.machine();
  Beginning begin;
  begin.is_user_dump = session.is_user_dump();
  begin.is_crash = machine.dump().bugcheck.has_value();
  begin.parameters = parameters_of(machine.dump());
  const auto crashed = std::ranges::find(machine.processors(), true, &target::Processor::crashed);
  if (crashed == machine.processors().end()) {
    begin.is_of_a_stack = static_cast<bool>(analysis::stack_crash_of(machine, nullptr));
    return begin;
  }
  stacks::Walker walker(session.machine(), session.symbolizer(), {});
  const stacks::Stack stack = walker.walk_processor(*crashed);
  begin.is_of_a_stack = static_cast<bool>(analysis::stack_crash_of(machine, &stack));
  if (crashed->current_thread != 0) begin.crashed_thread = base::hex_text(crashed->current_thread);
  return begin;
}

}  // namespace

int run_analyze(const AnalyzeOptions& options, std::FILE* out, std::FILE* err) {
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  const Beginning begin = beginning_of(*session);
  if (!options.json && !begin.parameters.empty())
    fmt::print(out, "the bugcheck's parameters:\n{}\n", begin.parameters);
  if (!begin.is_user_dump && (begin.is_of_a_stack || !begin.is_crash)) {
    StackUseOptions use;
    use.dump = options.dump;
    use.json = options.json;
    return run_stack_use(use, out, err);
  }
  StacksOptions stacks;
  stacks.dumps = {options.dump.dump};
  stacks.paths = options.dump;
  stacks.threads.thread = begin.crashed_thread;
  stacks.json = options.json;
  return run_stacks(stacks, out, err);
}

}  // namespace ntstack::app
