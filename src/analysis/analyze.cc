#include "analysis/analyze.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/findings.h"
#include "analysis/stack_verdict.h"
#include "base/text.h"
#include "dump/header.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

class Analyzing {
 public:
  Analyzing(const target::Machine& machine, stacks::Walker& walker, symbols::Symbolizer& symbolizer,
            const std::function<bool()>& is_stopped, const stacks::SymbolizerMaker& make)
      : machine_(machine),
        walker_(walker),
        symbolizer_(symbolizer),
        is_stopped_(is_stopped),
        make_(make) {}

  Analysis run() {
    if (!is_user_dump()) found_.near_limits = threads_by_room(machine_);
    if (is_of_no_crash()) {
      look_at_threads();
    } else {
      look_at_crash();
    }
    found_.missing = walker_.missing();
    found_.findings = findings_of(machine_, found_);
    return std::move(found_);
  }

 private:
  bool is_user_dump() const { return machine_.dump().kind == dump::Kind::minidump; }

  bool is_of_no_crash() const {
    const dump::Dump& dump = machine_.dump();
    if (is_user_dump()) return !dump.exception || dump.exception->code == 0;
    return !dump.bugcheck || dump.bugcheck->code == 0 || is_no_crash(dump.bugcheck->code) ||
           (dump.attributes & dump::attribute_live_dump) != 0;
  }

  void look_at_threads() {
    found_.happened = Happened::no_crash;
    walk([](const target::Thread&) { return true; });
    found_.hang = hang_of(machine_, found_.stacks);
    WaitReader reader(KernelView(machine_, symbolizer_, {}, is_stopped_), make_);
    const WaitSource source{&reader, 0};
    found_.waits = wait_graph_of(found_.stacks, std::span(&source, 1), is_stopped_);
  }

  void walk(const stacks::Walker::IsWanted& is_wanted) {
    found_.stacks = walker_.walk_all([&](const target::Thread& thread) {
      if (!found_.was_stopped && is_stopped_ && is_stopped_()) found_.was_stopped = true;
      return !found_.was_stopped && is_wanted(thread);
    });
  }

  // The thread that the bugcheck names, else that of the processor that crashed.
  void walk_in_question() {
    if (const target::Thread* named = thread_in_question(machine_)) {
      walk([&](const target::Thread& thread) { return &thread == named; });
      if (!found_.stacks.empty() && !found_.stacks.front().frames.empty()) {
        found_.why_this_stack =
            "of the thread that the bugcheck names, not of the one that "
            "crashed the machine";
        return;
      }
    }
    if (is_user_dump()) {
      walk_user_thread();
      return;
    }
    for (const target::Processor& processor : machine_.processors()) {
      if (!processor.crashed) continue;
      found_.stacks = {walker_.walk_processor(processor)};
      return;
    }
    found_.stacks.clear();
  }

  void walk_user_thread() {
    const auto wanted = machine_.dump().exception_thread_id;
    const auto& threads = machine_.threads();
    const auto found = std::ranges::find_if(
        threads, [&](const target::Thread& each) { return wanted && each.id == *wanted; });
    if (found != threads.end()) found_.stacks = {walker_.walk_thread(*found)};
  }

  void look_at_crash() {
    walk_in_question();
    const Stack* stack = found_.stacks.empty() ? nullptr : &found_.stacks.front();
    found_.happened = is_user_dump() ? Happened::exception : Happened::crash;
    if (!is_user_dump()) found_.crash = stack_crash_of(machine_, stack);
    if (found_.crash && stack && stack->thread) found_.happened = Happened::stack_crash;
    found_.blame = blame_of(crash_facts(stack), &symbolizer_);
    if (found_.happened == Happened::stack_crash && !found_.crash.is_smashed)
      blame_stack_use(*stack);
    if (stack && !stack->frames.empty())
      found_.signature = signature_of(beginning(), *stack, is_user_dump());
  }

  // A full stack: who has most of it, not where it was full at last.
  void blame_stack_use(const Stack& stack) {
    const StackAccount account = account_of(stack, machine_.dump().architecture);
    const StackVerdict verdict = verdict_of(account);
    if (verdict.modules.empty()) return;
    Blame& blame = found_.blame = {};
    blame.by = Blame::By::stack;
    blame.module = fmt::format("{}", fmt::join(verdict.modules, ", "));
    blame.short_name = verdict.modules.front();
    blame.reason = sentence_of(verdict, account, stack, nullptr, nullptr, machine_.is_64_bit());
    blame.confidence = verdict.confidence;
    blame.because = verdict.because;
    const auto largest = largest_of(account, stack, verdict.modules);
    if (!largest) return;
    blame.frame = account.frames[*largest].frame;
    blame.address = stack.frames[*blame.frame].ip;
    blame.symbol = stack.frames[*blame.frame].symbol.text();
  }

  std::string beginning() const {
    const dump::Dump& dump = machine_.dump();
    if (is_user_dump()) return fmt::format("exception {:#x}", dump.exception->code);
    return fmt::format("bugcheck {:#x}", plain_code(dump.bugcheck->code));
  }

  CrashFacts crash_facts(const Stack* stack) const {
    CrashFacts facts;
    facts.stack = stack;
    facts.is_64_bit = machine_.is_64_bit();
    facts.is_user_dump = is_user_dump();
    if (is_user_dump()) return facts;
    const dump::Bugcheck& bugcheck = *machine_.dump().bugcheck;
    facts.code = plain_code(bugcheck.code);
    facts.first_parameter = bugcheck.parameters[0];
    facts.named = named_by_parameters(machine_, symbolizer_);
    if (const target::Process* process = process_in_question(machine_)) {
      facts.process = std::string(base::file_name_of(process->name));
      if (facts.process.empty()) facts.process = "(its name is not in the dump)";
    }
    return facts;
  }

  const target::Machine& machine_;
  stacks::Walker& walker_;
  symbols::Symbolizer& symbolizer_;
  const std::function<bool()>& is_stopped_;
  const stacks::SymbolizerMaker& make_;
  Analysis found_;
};

}  // namespace

std::string_view name_of(Happened happened) {
  switch (happened) {
    case Happened::crash:
      return "crash";
    case Happened::stack_crash:
      return "stack_crash";
    case Happened::exception:
      return "exception";
    case Happened::no_crash:
      break;
  }
  return "no_crash";
}

Analysis analyze(const target::Machine& machine, stacks::Walker& walker,
                 symbols::Symbolizer& symbolizer, const std::function<bool()>& is_stopped,
                 const stacks::SymbolizerMaker& make) {
  return Analyzing(machine, walker, symbolizer, is_stopped, make).run();
}

}  // namespace ntstack::analysis
