#include "app/stack_starts_command.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/exit_code.h"
#include "app/output.h"
#include "base/text.h"
#include "report/stack_starts.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

constexpr std::size_t kNames = 4;  // of a start's youngest frames

// The thread that is chosen; without a choice that of the crash. Null: none.
const target::Thread* thread_of(const target::Machine& machine, const ThreadChoice& choice) {
  if (choice.is_all()) {
    for (const target::Processor& processor : machine.processors())
      if (processor.crashed) return machine.thread_at(processor.current_thread);
    return nullptr;
  }
  const auto found = std::ranges::find_if(machine.threads(), [&](const target::Thread& thread) {
    return choice.takes(machine, thread);
  });
  return found == machine.threads().end() ? nullptr : &*found;
}

std::vector<std::string> names_of(const std::vector<stacks::Frame>& frames,
                                  symbols::Symbolizer& symbolizer) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < frames.size() && i < kNames; ++i) {
    const symbols::Frames& found = symbolizer.name(frames[i].ip, frames[i].is_call_site);
    const std::string name = found.function.text();
    names.push_back(name.empty() ? base::hex_text(frames[i].ip) : name);
  }
  return names;
}

}  // namespace

int run_stack_starts(const StackStartsOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  auto session = Session::open(options.dump);
  if (!session) return failed(session.error(), err);
  if (session->is_user_dump())
    return failed({"a user dump has no kernel stacks: stack-starts takes a kernel dump", {}}, err);
  report::StackStartsFacts facts{session->facts(), thread_of(session->machine(), *choice), {}};
  if (!facts.thread) {
    say(err, "ntstack: {}\n",
        choice->is_all() ? "nothing says which thread crashed: choose one by --thread"
                         : choice->none_in(session->machine(), facts.of.file_name));
    return kFailed;
  }
  stacks::Walker walker(session->machine(), session->symbolizer(), session->symbolizer_maker());
  for (stacks::StartCandidate& start : walker.starts_of(*facts.thread)) {
    if (facts.starts.size() == options.top) break;
    auto names = names_of(start.lead.frames, session->symbolizer());
    facts.starts.push_back({std::move(start), std::move(names)});
  }
  return write(options.json ? report::stack_starts_json(facts) : report::stack_starts_text(facts),
               out, err);
}

}  // namespace ntstack::app
