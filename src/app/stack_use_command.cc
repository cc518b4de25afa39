#include "app/stack_use_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "analysis/stacks_in_question.h"
#include "app/downloads.h"
#include "app/exit_code.h"
#include "app/output.h"
#include "app/terminal.h"
#include "report/analyze.h"
#include "report/stack_use.h"
#include "stacks/file_needs.h"
#include "stacks/walker.h"

namespace ntstack::app {
namespace {

using analysis::StackCrash;
using stacks::Stack;

// One look at a dump: its answer, and the files that would better it.
struct Look {
  std::vector<Stack> stacks;
  StackCrash crash;
  analysis::NearLimits near_limits;
  std::vector<symbols::Missing> missing;
  std::vector<store::Wanted> wanted;
};

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
      analysis::StacksInQuestion found = analysis::stacks_by_use(
          session_.machine(), walker_, std::min(report::kMostAccounts, options_.top));
      look_.stacks = std::move(found.stacks);
      look_.crash = std::move(found.crash);
      look_.near_limits = std::move(found.near_limits);
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

}  // namespace

int run_stack_use(const StackUseOptions& options, std::FILE* out, std::FILE* err) {
  const auto choice = ThreadChoice::of(options.threads);
  if (!choice) return wrong(choice.error(), err);
  Downloads downloads(options.dump, err);
  DumpOptions paths = options.dump;
  downloads.serve(paths);
  while (true) {
    auto session = Session::open(paths);
    if (!session) return failed(session.error(), err);
    if (session->is_user_dump())
      return failed({"a user dump has no kernel stacks: stack-use takes a kernel dump", {}}, err);
    Look look = Looking(*session, *choice, options).run(downloads);
    if (!downloads.get(look.wanted).empty()) continue;
    if (!choice->is_all() && look.stacks.empty()) {
      say(err, "ntstack: {}\n", choice->none_in(session->machine(), session->facts().file_name));
      return kFailed;
    }
    report::StackUseFacts facts{session->facts(), look.crash, {}, {}, options.top, look.missing};
    facts.near_limits = std::move(look.near_limits);
    for (const Stack& stack : look.stacks)
      facts.stacks.push_back(
          report::stack_use_of(stack, session->machine(), session->symbolizer(), options.top));
    return write(options.json ? report::stack_use_json(facts)
                              : report::stack_use_text(facts, {wants_colour(out), true}),
                 out, err);
  }
}

}  // namespace ntstack::app
