#include "report/analyze.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "analysis/bugcheck_values.h"
#include "analysis/stack_room.h"
#include "base/text.h"
#include "report/analyze_threads.h"
#include "report/times.h"
#include "report/waits.h"
#include "report/wrap.h"

namespace ntstack::report {
namespace {

using analysis::Analysis;
using analysis::Blame;
using analysis::Finding;
using stacks::Stack;

constexpr std::size_t kMostFrames = 24, kMostEvidence = 2, kRows = 10;

class Page {
 public:
  Page(const AnalysisFacts& facts, const TextStyle& style, bool is_verbose)
      : facts_(facts), analysis_(facts.analysis), style_(style), is_verbose_(is_verbose) {}

  std::string text() {
    out_ = heading_text(facts_.of);
    const dump::Dump& dump = facts_.of.dump;
    if (dump.system_time) out_ += fmt::format("written {}", time_text(*dump.system_time));
    if (dump.system_time && dump.up_time)
      out_ += fmt::format(", {} s after the start", *dump.up_time / 10'000'000);
    if (dump.system_time) out_ += "\n";
    for (const std::string& warning : warnings_of(facts_.of)) out_ += wrapped(warning, "note: ");
    tell_what_happened();
    if (analysis_.is_crash()) tell_who();
    tell_stack();
    if (analysis_.hang) out_ += threads_text(facts_, style_, is_verbose_);
    if (analysis_.waits)
      out_ +=
          waits_summary_text(*analysis_.waits, analysis_.stacks, is_64_bit(), style_, is_verbose_);
    tell_findings();
    tell_what_next();
    if (is_verbose_) tell_missing();
    tell_accounts();
    return std::move(out_);
  }

 private:
  void title(std::string_view text) {
    out_ += style_.colour ? fmt::format("\n\x1b[1m{}\x1b[0m\n", text) : fmt::format("\n{}\n", text);
  }
  bool is_64_bit() const { return facts_.of.machine.is_64_bit(); }

  void tell_what_happened() {
    title("WHAT HAPPENED");
    bool has_told = false;
    for (const Finding& finding : analysis_.findings) {
      if (finding.kind != "bugcheck" && finding.kind != "exception") continue;
      out_ += wrapped(finding.sentence + ".", "  ");
      for (const std::string& evidence : finding.evidence) out_ += wrapped(evidence, "    ");
      has_told = true;
    }
    if (!analysis_.is_crash()) {
      out_ += wrapped(
          "Nothing crashed here, as far as the dump says: what its threads do is below.", "  ");
      return;
    }
    if (!has_told) out_ += "  the dump does not say.\n";
    if (analysis_.crash) out_ += wrapped(analysis_.crash.sentence + ".", "  ");
    if (const Stack* stack = analysis_.stack_in_question())
      out_ +=
          wrapped(fmt::format("{}{}",
                              stack->processor ? fmt::format("on processor {}: ", *stack->processor)
                                               : std::string(),
                              thread_line(*stack, is_64_bit())),
                  "  ");
  }

  void tell_who() {
    const Blame& blame = analysis_.blame;
    title("WHO IS RESPONSIBLE");
    std::string who = base::printable(blame.module);
    if (blame.by == Blame::By::hardware) who = "the hardware";
    if (blame.by == Blame::By::process) who = "a process";
    if (who.empty()) who = "nobody is known";
    if (blame.is_unloaded) who += " (unloaded)";
    out_ += fmt::format("  {}   confidence: {}\n", who, name_of(blame.confidence));
    out_ += wrapped("why: " + base::printable(blame.reason) + ".", "  ");
    out_ +=
        wrapped(fmt::format("how sure: {}: {}.", name_of(blame.confidence), blame.because), "  ");
    if (blame.frame)
      out_ += wrapped(fmt::format("frame {:02x} {}", *blame.frame, base::printable(blame.symbol)),
                      "  ");
    else if (blame.address != 0)
      out_ += fmt::format("  at {}\n", base::address_text(blame.address, is_64_bit()));
    tell_skipped();
    if (analysis_.signature) out_ += wrapped(signature_text(*analysis_.signature), "  ");
    if (analysis_.signature && is_verbose_)
      for (const std::string& line : analysis_.signature->lines)
        out_ += fmt::format("    {}\n", base::printable(line));
  }

  static std::string signature_text(const analysis::Signature& signature) {
    std::string text = fmt::format("signature {}, of {} frame{}", signature.hash, signature.frames,
                                   signature.frames == 1 ? "" : "s");
    if (signature.nameless != 0)
      text +=
          fmt::format("; {} without a function's name: symbols will change it", signature.nameless);
    if (signature.has_guesses) text += "; all of them guesses";
    return text;
  }

  void tell_skipped() {
    const auto& skipped = analysis_.blame.skipped;
    if (skipped.empty()) return;
    if (is_verbose_) {
      out_ += "  passed over:\n";
      for (const auto& each : skipped)
        out_ += fmt::format("    {:02x} {}: {}\n", each.frame, base::printable(each.symbol),
                            each.passed.why);
      return;
    }
    std::vector<std::pair<std::string_view, std::size_t>> reasons;
    for (const auto& each : skipped) {
      auto at = std::ranges::find(reasons, each.passed.why, [](const auto& r) { return r.first; });
      if (at == reasons.end())
        reasons.emplace_back(each.passed.why, 1);
      else
        ++at->second;
    }
    std::vector<std::string> parts;
    for (const auto& [why, count] : reasons) parts.push_back(fmt::format("{} ({})", count, why));
    out_ += wrapped(fmt::format("passed over: {}", fmt::join(parts, ", ")), "  ");
  }

  void tell_stack() {
    const Stack* stack = analysis_.stack_in_question();
    if (!stack) return;
    title("THE STACK");
    if (!analysis_.why_this_stack.empty()) out_ += wrapped(analysis_.why_this_stack + ".", "  ");
    if (stack->frames.empty()) out_ += wrapped("no frames: " + stack->end_reason + ".", "  ");
    if (is_verbose_ && !stack->bugcheck_frames.empty()) {
      out_ += "from the exception to the bugcheck:\n";
      out_ += frames_text(stack->bugcheck_frames, facts_.of, style_, SIZE_MAX);
      out_ += "where it happened:\n";
    }
    if (!stack->frames.empty())
      out_ += frames_text(stack->frames, facts_.of, style_, is_verbose_ ? SIZE_MAX : kMostFrames);
    for (const std::string& note : stack->notes) out_ += wrapped(note, "note: ");
  }

  void tell_findings() {
    title("FINDINGS");
    if (analysis_.findings.empty()) out_ += "  none\n";
    std::size_t number = 0;
    for (const Finding& finding : analysis_.findings) {
      out_ += wrapped(fmt::format("[{}] {}.", name_of(finding.confidence), finding.sentence),
                      fmt::format("{:>3}. ", ++number));
      // What happened has told these already.
      const bool is_told =
          finding.kind == "bugcheck" || finding.kind == "exception" || finding.kind == "blame";
      const std::size_t most = is_verbose_ ? SIZE_MAX : is_told ? 0 : kMostEvidence;
      for (std::size_t i = 0; i < finding.evidence.size() && i < most; ++i)
        out_ += wrapped(finding.evidence[i], "       ");
      if (!is_told && finding.evidence.size() > most)
        out_ += fmt::format("       and {} more\n", finding.evidence.size() - most);
    }
  }

  void tell_what_next() {
    std::vector<std::string_view> steps;
    for (const Finding& finding : analysis_.findings)
      for (const std::string& step : finding.next)
        if (std::ranges::find(steps, step) == steps.end()) steps.push_back(step);
    if (steps.empty()) return;
    title("WHAT TO DO NEXT");
    for (const std::string_view step : steps) out_ += wrapped(step, "  - ");
  }

  void tell_missing() {
    if (analysis_.missing.empty()) return;
    title("NOT AT HAND");
    for (const symbols::Missing& each : analysis_.missing)
      out_ += fmt::format("  {:<24} {:<6} {}\n", base::printable(each.module), each.what,
                          base::printable(each.remedy));
  }

  void tell_accounts() {
    StackUseFacts use{facts_.of, analysis_.crash, facts_.accounts, {}, kRows, {}};
    const bool has_accounts = !facts_.accounts.empty();
    if (has_accounts || (is_verbose_ && !analysis_.is_crash()))
      use.near_limits = analysis_.near_limits;
    if (has_accounts) title("WHO USES THE STACK");
    out_ += stack_accounts_text(use, style_);
  }

  const AnalysisFacts& facts_;
  const Analysis& analysis_;
  const TextStyle& style_;
  bool is_verbose_;
  std::string out_;
};

}  // namespace

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

AnalysisFacts analysis_facts(const DumpFacts& of, const Analysis& analysis,
                             symbols::Symbolizer& symbolizer) {
  AnalysisFacts facts{of, analysis, {}};
  if (analysis.happened == analysis::Happened::stack_crash)
    for (const Stack& stack : analysis.stacks)
      if (stack.thread)
        facts.accounts.push_back(stack_use_of(stack, of.machine, symbolizer, kRows));
  return facts;
}

std::string analysis_text(const AnalysisFacts& facts, const TextStyle& style, bool is_verbose) {
  return Page(facts, style, is_verbose).text();
}

std::string bugchecks_text() {
  std::string out;
  std::size_t meant = 0;
  for (const analysis::BugcheckMeaning& each : analysis::known_bugchecks()) {
    out += fmt::format("{:>8x} {}\n", each.code, each.name);
    if (!each.sentence.empty()) {
      ++meant;
      out += wrapped(each.sentence, "           ");
    }
  }
  const std::size_t all = analysis::known_bugchecks().size();
  return out + fmt::format("{} bugchecks are known: {} with their meaning, {} by name alone\n", all,
                           meant, all - meant);
}

}  // namespace ntstack::report
