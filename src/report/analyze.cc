#include "report/analyze.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/stack_room.h"

namespace ntstack::report {

StackUse stack_use_of(const stacks::Stack& stack, const target::Machine& machine,
                      symbols::Symbolizer& symbolizer, std::size_t top) {
  const base::Architecture architecture = machine.dump().architecture;
  StackUse use;
  use.stack = &stack;
  use.account = analysis::account_of(stack, architecture);
  for (analysis::SegmentUse& each : use.account.segments) look_at_room(machine, stack.thread, each);
  use.verdict = analysis::verdict_of(use.account);
  std::vector<std::size_t> shown(use.account.largest);
  shown.resize(std::min(shown.size(), (top + 1) / 2));
  const auto named = largest_of(use.account, stack, use.verdict.modules);
  if (named && std::ranges::find(shown, *named) == shown.end()) shown.push_back(*named);
  const analysis::EvidenceReader reader(machine.memory(), symbolizer);
  for (const std::size_t each : shown) {
    const analysis::FrameUse& frame_use = use.account.frames[each];
    const stacks::Frame& frame = stack.frames[frame_use.frame];
    use.largest.push_back({each, reader.of(frame, frame_use.bytes, architecture),
                           analysis::frame_locals_of(frame, frame_use.bytes, symbolizer)});
  }
  return use;
}

std::string bugcheck_parameters_text(const dump::Dump& dump) {
  const auto* meaning = dump.bugcheck ? analysis::bugcheck_meaning(dump.bugcheck->code) : nullptr;
  std::string out;
  for (std::size_t i = 0; meaning && i < meaning->parameters.size(); ++i)
    if (!meaning->parameters[i].empty())
      out += fmt::format("  {:016x} {}\n", dump.bugcheck->parameters[i], meaning->parameters[i]);
  return out.empty() ? out : "the bugcheck's parameters:\n" + out + "\n";
}

}  // namespace ntstack::report
