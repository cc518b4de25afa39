#include "analysis/findings.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_meanings.h"
#include "analysis/bugcheck_values.h"
#include "analysis/exception_of.h"
#include "analysis/status_names.h"
#include "base/text.h"
#include "dump/header.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

constexpr std::uint64_t kLittleRoom = 0x800;  // bytes of a kernel stack
constexpr std::size_t kMostEvidence = 8;      // of lists that may be long

bool is_whole(const Stack& stack) {
  return stack.end == stacks::End::base || stack.end == stacks::End::user_mode;
}

class Findings {
 public:
  Findings(const target::Machine& machine, const Analysis& analysis)
      : machine_(machine), analysis_(analysis) {}

  std::vector<Finding> run() {
    add_bugcheck();
    add_exception();
    if (analysis_.is_crash()) add_blame();
    add_stack();
    add_threads();
    add_near_limits();
    add_damage();
    add_guesses();
    add_missing();
    add_container();
    return std::move(found_);
  }

 private:
  std::string address(std::uint64_t at) const {
    return base::address_text(at, machine_.is_64_bit());
  }
  bool is_user_dump() const { return machine_.dump().kind == dump::Kind::minidump; }
  Finding& add(std::string kind, std::string sentence, Confidence confidence) {
    found_.push_back({std::move(kind), std::move(sentence), confidence, {}, {}});
    return found_.back();
  }

  void add_bugcheck() {
    const auto& bugcheck = machine_.dump().bugcheck;
    if (!bugcheck || bugcheck->code == 0) return;
    const BugcheckMeaning* meaning = bugcheck_meaning(bugcheck->code);
    std::string sentence =
        !meaning ? fmt::format("bugcheck {:x}, a code that is not known here", bugcheck->code)
        : meaning->sentence.empty()
            ? fmt::format("{} ({:x}), known by name alone", meaning->name, bugcheck->code)
            : fmt::format("{} ({:x}): {}", meaning->name, bugcheck->code, meaning->sentence);
    Finding& finding = add("bugcheck", std::move(sentence), Confidence::high);
    for (std::size_t i = 0; i < 4; ++i) {
      const std::string_view what = meaning ? meaning->parameters[i] : "";
      const std::string words = parameter_words(*bugcheck, i, machine_.dump().architecture);
      if (words.empty() && (what.empty() || what == bugcheck_words::kByFirst)) continue;
      finding.evidence.push_back(fmt::format("parameter {}: {} {}{}{}", i + 1,
                                             address(bugcheck->parameters[i]), what,
                                             words.empty() ? "" : ": ", words));
    }
  }

  std::string access_text(const dump::ExceptionRecord& exception) const {
    if ((exception.code != 0xc0000005 && exception.code != 0xc0000006) ||
        exception.parameters.size() < 2)
      return "";
    const std::uint64_t how = exception.parameters[0];
    const std::string_view tried = how == 0   ? "read"
                                   : how == 1 ? "write"
                                   : how == 8 ? "execute"
                                              : "";
    if (tried.empty()) return "";
    return fmt::format("{} of {}", tried, address(exception.parameters[1]));
  }

  void add_exception() {
    const auto exception = exception_of(machine_);
    if (!exception || !analysis_.is_crash()) return;
    const std::string_view name = status_name(exception->code),
                           words = status_words(exception->code);
    Finding& finding =
        add("exception",
            fmt::format("exception {:08x}{}{}{}{} at {}", exception->code, name.empty() ? "" : " ",
                        name, words.empty() ? "" : ": ", words, address(exception->address)),
            Confidence::high);
    if (const std::string access = access_text(*exception); !access.empty())
      finding.evidence.push_back(access);
    const Stack* stack = analysis_.stack_in_question();
    if (stack && !stack->frames.empty() && stack->frames.front().ip == exception->address)
      finding.evidence.push_back("frame 00: " +
                                 base::printable(stack->frames.front().symbol.text()));
  }

  void add_blame() {
    const Blame& blame = analysis_.blame;
    const std::string who = base::printable(blame.module);
    std::string sentence;
    switch (blame.by) {
      case Blame::By::stack:
      case Blame::By::parameter:
      case Blame::By::frame:
        sentence =
            fmt::format("{}{} is the first to look at: {}", who,
                        blame.is_unloaded ? " (unloaded)" : "", base::printable(blame.reason));
        break;
      case Blame::By::kernel:
        sentence = fmt::format("no driver is named or on the stack: {}", blame.reason);
        break;
      default:
        sentence = blame.reason;
    }
    Finding& finding = add("blame", std::move(sentence), blame.confidence);
    if (blame.frame)
      finding.evidence.push_back(
          fmt::format("frame {:02x}: {}", *blame.frame, base::printable(blame.symbol)));
    else if (blame.address != 0)
      finding.evidence.push_back("address " + address(blame.address));
    finding.evidence.push_back(
        fmt::format("confidence {}: {}", name_of(blame.confidence), blame.because));
    say_what_next(blame, finding);
  }

  void say_what_next(const Blame& blame, Finding& finding) const {
    const auto& bugcheck = machine_.dump().bugcheck;
    const std::uint32_t code = bugcheck ? plain_code(bugcheck->code) : 0;
    const bool is_driver =
        !is_user_dump() && !blame.module.empty() && blame.by != Blame::By::kernel;
    const bool is_others =
        is_driver && (blame.is_unloaded || passed_over(blame.short_name, false).as == Passed::no);
    if (is_others && code != 0xC4 && code != 0xC9 && code != 0xE6)
      finding.next.push_back(
          fmt::format("run Driver Verifier on it, and take the next dump: verifier /standard "
                      "/driver {}",
                      base::printable(blame.module)));
    if (is_others && blame.confidence != Confidence::low)
      finding.next.push_back(fmt::format("look for a newer version of {}, or do without it",
                                         base::printable(blame.module)));
    if (blame.by == Blame::By::kernel || (is_driver && !is_others && code != 0xC4))
      finding.next.emplace_back(
          "if it comes again: Driver Verifier on all drivers that do not come with Windows "
          "(verifier /standard /driver NAMES) finds who does it; test the memory (mdsched)");
    if (blame.by == Blame::By::hardware)
      finding.next.emplace_back(
          "read the WHEA record (event log, WHEA-Logger); test memory, cooling and settings; "
          "update firmware and microcode");
    if (blame.by == Blame::By::process)
      finding.next.emplace_back(
          "look for a user dump of that process and for the event log's last entries before it");
  }

  void add_stack() {
    if (!analysis_.crash) return;
    Finding& finding =
        add("stack",
            fmt::format("{}: {}",
                        analysis_.crash.is_smashed ? "a kernel stack was written over"
                                                   : "a kernel stack is full",
                        analysis_.crash.sentence),
            Confidence::high);
    const Stack* stack = analysis_.stack_in_question();
    if (!stack) return;
    const StackAccount account = account_of(*stack, machine_.dump().architecture);
    if (const SegmentUse* use = account.in_use())
      finding.evidence.push_back(fmt::format("{} of {} bytes of the stack {} .. {} are in use",
                                             use->used, use->size, address(use->segment.limit),
                                             address(use->segment.base)));
    if (analysis_.crash.is_smashed) return;
    finding.next.emplace_back("see who used it up: ntstack stack-use DUMP");
  }

  void add_threads() {
    if (!analysis_.hang) return;
    const Hang& hang = *analysis_.hang;
    std::size_t told = 0;
    for (const StackGroup& group : hang.groups) {
      if (told == 3 || group.stacks.size() < 2 || !group.waits) break;
      if (group.waits->kind == WaitKind::idle || group.waits->kind == WaitKind::other) continue;
      Finding& finding = add(
          "waits",
          fmt::format("{} threads{} wait for {} on the same stack", group.stacks.size(),
                      group.processes > 1 ? fmt::format(" of {} processes", group.processes) : "",
                      group.waits->words),
          group.has_guesses ? Confidence::low : Confidence::medium);
      for (const std::size_t i : group.stacks) {
        if (finding.evidence.size() == kMostEvidence) {
          finding.evidence.push_back(
              fmt::format("and {} more threads", group.stacks.size() - kMostEvidence));
          break;
        }
        if (const target::Thread* thread = analysis_.stacks[i].thread)
          finding.evidence.push_back(fmt::format("thread {} ({:x}.{:x})", address(thread->address),
                                                 thread->process_id.value_or(0),
                                                 thread->id.value_or(0)));
      }
      finding.next.emplace_back(
          "find who has what they wait for: the wait chains, and in the console !locks and "
          "!thread");
      ++told;
    }
  }

  void add_near_limits() {
    if (analysis_.crash) return;
    for (const ThreadRoom& room : analysis_.near_limits.threads) {
      if (room.use.left >= kLittleRoom || room.use.may_grow) break;
      Finding& finding = add("near_limit",
                             fmt::format("thread {} has {} bytes of its kernel stack left",
                                         address(room.thread->address), room.use.left),
                             Confidence::high);
      finding.evidence.push_back(
          fmt::format("{} of {} bytes are in use", room.use.used, room.use.size));
      finding.next.emplace_back("see who uses it: ntstack stack-use DUMP");
      return;
    }
  }

  void add_damage() {
    const Stack* stack = analysis_.stack_in_question();
    if (!stack) return;
    if (!is_whole(*stack) && !stack->frames.empty()) {
      Finding& finding =
          add("damage", "the stack is not whole: " + stack->end_reason, Confidence::high);
      finding.evidence.push_back(fmt::format("after frame {:02x}", stack->frames.size() - 1));
    }
    for (const std::string& note : stack->notes)
      if (note.find("written over") != std::string::npos) add("damage", note, Confidence::medium);
  }

  void add_guesses() {
    const Stack* stack = analysis_.stack_in_question();
    if (!stack) return;
    std::vector<std::size_t> guessed;
    for (std::size_t i = 0; i < stack->frames.size(); ++i)
      if (stack->frames[i].trust == unwind::Trust::scan) guessed.push_back(i);
    if (guessed.empty()) return;
    Finding& finding = add("guesses",
                           fmt::format("{} of {} frames of this stack are guesses", guessed.size(),
                                       stack->frames.size()),
                           Confidence::high);
    finding.evidence.push_back(
        fmt::format("the first is frame {:02x}: {}", guessed.front(),
                    base::printable(stack->frames[guessed.front()].symbol.text())));
    finding.next.emplace_back(
        "give the images of its modules (-i) and their PDBs (-y): ntstack symbols check DUMP says "
        "which matter");
  }

  void add_missing() {
    if (analysis_.missing.empty()) return;
    Finding& finding =
        add("missing_files",
            fmt::format("{} image or symbol file{} {} not at hand", analysis_.missing.size(),
                        analysis_.missing.size() == 1 ? "" : "s",
                        analysis_.missing.size() == 1 ? "is" : "are"),
            Confidence::high);
    for (const symbols::Missing& each : analysis_.missing) {
      finding.evidence.push_back(
          fmt::format("{} of {}", base::printable(each.what), base::printable(each.module)));
    }
    finding.next.emplace_back(
        "get them: ntstack symbols fetch DUMP --ms-symbols (ntstack symbols list --script DUMP for "
        "another machine)");
  }

  void add_container() {
    const dump::Dump& dump = machine_.dump();
    if (dump.kind == dump::Kind::triage && analysis_.is_crash()) {
      Finding& finding = add("container",
                             "this is a small dump: it has the crash's stack, and neither other "
                             "threads nor what they hold",
                             Confidence::high);
      finding.next.emplace_back(
          "if it comes again: let Windows write an automatic or kernel memory dump (System "
          "Properties, Startup and Recovery)");
    }
    if (analysis_.was_stopped)
      add("stopped", "interrupted: not every stack was walked", Confidence::high);
  }

  const target::Machine& machine_;
  const Analysis& analysis_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> findings_of(const target::Machine& machine, const Analysis& analysis) {
  return Findings(machine, analysis).run();
}

}  // namespace ntstack::analysis
