#include "app/stack_use_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <unordered_set>

#include "analysis/stack_room.h"
#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "report/stack_use.h"
#include "stacks/file_needs.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

using analysis::StackCrash;
using stacks::Stack;

constexpr std::size_t kMostAccounts = 3;  // of threads that nothing but their room speaks of

// One look at a dump: its answer, and the files that would better it.
struct Look {
  std::vector<Stack> stacks;
  StackCrash crash;
  analysis::NearLimits near_limits;
  std::vector<symbols::Missing> missing;
  std::vector<store::Wanted> wanted;
};

const target::Thread* crashed_thread(const target::Machine& machine) {
  for (const target::Processor& processor : machine.processors())
    if (processor.crashed) return machine.thread_at(processor.current_thread);
  return nullptr;
}

// Walks what is asked for: one thread; else that of a stack's crash; else those that are nearest
// to their limits.
class Looking {
 public:
  Looking(Session& session, const ThreadChoice& choice, const StackUseOptions& options)
      : session_(session),
        choice_(choice),
        options_(options),
        walker_(session.machine(), session.symbolizer(), session.symbolizer_maker()) {}

  Look run(const Downloads& downloads) {
    if (choice_.is_all()) {
      look_.near_limits = analysis::threads_by_room(session_.machine());
      if (!walk_crash()) walk_nearest();
    } else {
      walk([&](const target::Thread& thread) { return choice_.takes(session_.machine(), thread); });
      look_.crash = analysis::stack_crash_of(session_.machine(), nullptr);
    }
    look_.missing = walker_.missing();
    if (downloads.are_possible() && !downloads.was_interrupted()) add_wanted(downloads);
    return std::move(look_);
  }

 private:
  void walk(const stacks::Walker::IsWanted& is_wanted) {
    look_.stacks = walker_.walk_all(is_wanted);
    std::erase_if(look_.stacks, [](const Stack& stack) { return !stack.thread; });
  }

  bool walk_crash() {
    const target::Thread* crashed = crashed_thread(session_.machine());
    if (!crashed) {
      look_.crash = analysis::stack_crash_of(session_.machine(), nullptr);
      return false;
    }
    walk([&](const target::Thread& thread) { return &thread == crashed; });
    look_.crash = analysis::stack_crash_of(session_.machine(),
                                           look_.stacks.empty() ? nullptr : &look_.stacks.front());
    return look_.crash && !look_.stacks.empty();
  }

  void walk_nearest() {
    std::unordered_set<const target::Thread*> nearest;
    const auto& threads = look_.near_limits.threads;
    for (std::size_t i = 0; i < threads.size() && i < std::min(kMostAccounts, options_.top); ++i)
      nearest.insert(threads[i].thread);
    walk([&](const target::Thread& thread) { return nearest.contains(&thread); });
    const auto place_of = [&](const Stack& stack) {
      return std::ranges::find(threads, stack.thread, &analysis::ThreadRoom::thread);
    };
    std::ranges::stable_sort(look_.stacks, {}, place_of);
  }

  void add_wanted(const Downloads& downloads) {
    const auto is_hopeless = [&](const store::Wanted& file) { return downloads.is_hopeless(file); };
    const auto symbolizer_of = [&](const Stack& stack, const stacks::Frame& frame) {
      return walker_.symbolizer_of(stack, frame);
    };
    look_.wanted = session_.lacking_kernel_files();
    std::ranges::copy(
        files_of(file_needs(look_.stacks, symbolizer_of, is_hopeless, true), is_hopeless),
        std::back_inserter(look_.wanted));
  }

  Session& session_;
  const ThreadChoice& choice_;
  const StackUseOptions& options_;
  stacks::Walker walker_;
  Look look_;
};

report::StackUse use_of(const Stack& stack, Session& session, std::size_t top) {
  const target::Machine& machine = session.machine();
  const base::Architecture architecture = machine.dump().architecture;
  report::StackUse use;
  use.stack = &stack;
  use.account = analysis::account_of(stack, architecture);
  for (analysis::SegmentUse& each : use.account.segments) look_at_room(machine, stack.thread, each);
  use.verdict = analysis::verdict_of(use.account);
  std::vector<std::size_t> shown(use.account.largest);
  shown.resize(std::min(shown.size(), (top + 1) / 2));
  const auto named = largest_of(use.account, stack, use.verdict.modules);
  if (named && std::ranges::find(shown, *named) == shown.end()) shown.push_back(*named);
  const analysis::EvidenceReader reader(machine.memory(), session.symbolizer());
  for (const std::size_t each : shown) {
    const analysis::FrameUse& frame_use = use.account.frames[each];
    const stacks::Frame& frame = stack.frames[frame_use.frame];
    use.largest.push_back(
        {each, reader.of(frame, frame_use.bytes, architecture),
         analysis::frame_locals_of(frame, frame_use.bytes, session.symbolizer())});
  }
  return use;
}

}  // namespace

int run_stack_use(const StackUseOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  DumpOptions paths = options.dump;
  paths.answers = &downloads.answers();
  while (true) {
    auto session = Session::open(paths);
    if (!session) return failed(session.error(), err);
    if (session->is_user_dump())
      return failed({"a user dump has no kernel stacks: stack-use takes a kernel dump", {}}, err);
    Look look = Looking(*session, *choice, options).run(downloads);
    if (!downloads.get(look.wanted).empty()) continue;
    if (!choice->is_all() && look.stacks.empty()) {
      fmt::print(err, "ntstack: no {} is in {}\n", choice->text(), session->facts().file_name);
      return kFailed;
    }
    report::StackUseFacts facts{session->facts(), look.crash, {}, {}, options.top, look.missing};
    facts.near_limits = std::move(look.near_limits);
    for (const Stack& stack : look.stacks)
      facts.stacks.push_back(use_of(stack, *session, options.top));
    return write(options.json ? report::stack_use_json(facts)
                              : report::stack_use_text(facts, {wants_colour(out), true}),
                 out, err);
  }
}

}  // namespace ntstack::app
