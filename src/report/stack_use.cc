#include "report/stack_use.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analysis/repetitions.h"
#include "base/text.h"
#include "report/aligned.h"

namespace ntstack::report {
namespace {

using analysis::FrameEvidence;
using analysis::FrameUse;
using analysis::Overhead;
using analysis::Repetition;
using analysis::SegmentUse;
using analysis::Share;
using analysis::StackAccount;

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.0f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string bold(std::string_view text, const TextStyle& style) {
  return style.colour ? fmt::format("\x1b[1m{}\x1b[0m", text) : std::string(text);
}

std::string segment_line(const SegmentUse& use, bool is_64_bit) {
  const auto address = [&](std::uint64_t at) { return base::address_text(at, is_64_bit); };
  std::string out = fmt::format(
      "  {} stack {} .. {}, {} bytes{}: {} used ({}), {} left", target::name_of(use.segment.kind),
      address(use.segment.limit), address(use.segment.base), use.size,
      use.segment.limit_known ? "" : " (the usual size: its limit is not in the dump)", use.used,
      percent(use.used, use.size), use.left);
  if (use.past_limit != 0)
    out += fmt::format("; the stack pointer is {} bytes below the limit", use.past_limit);
  if (use.may_grow && use.grows)
    out += fmt::format("; a large stack, which may grow by {} more", *use.may_grow);
  else if (use.may_grow)
    out += fmt::format("; larger than usual: if it is one that grows, by {} more", *use.may_grow);
  if (use.guard == analysis::Guard::is_there) out += "; guard page below";
  if (use.guard == analysis::Guard::is_mapped)
    out += "; no guard page: the page below it is mapped";
  if (!use.is_accounted) out += "; not the thread's own, and not counted below";
  return out + "\n";
}

std::string together_line(const StackAccount& account) {
  const auto stacks = std::ranges::count_if(account.segments, &SegmentUse::is_accounted);
  if (stacks < 2) return "";
  const std::size_t expansions = account.expansions();
  return fmt::format(
      "  together {} bytes on {} stacks{}: {} used ({}), {} left on the one in use\n", account.size,
      stacks,
      expansions == 0   ? std::string()
      : expansions == 1 ? ", expanded once"
                        : fmt::format(", expanded {} times", expansions),
      account.used, percent(account.used, account.size), account.left);
}

std::string shares_text(std::string_view title, const std::vector<Share>& shares,
                        const StackAccount& account, std::size_t top, const TextStyle& style) {
  std::vector<Row> rows = {{"", "bytes", "share", "frames", "largest", "overhead", "", ""}};
  for (std::size_t i = 0; i < shares.size() && i < top; ++i) {
    const Share& share = shares[i];
    const std::string name = share.function.empty() ? share.module : share.function;
    rows.push_back(
        {"", fmt::format("{}", share.bytes), percent(share.bytes, account.used),
         fmt::format("{}", share.frames), fmt::format("{}", share.largest),
         share.overhead_bytes != 0 ? fmt::format("{}", share.overhead_bytes) : "",
         name.empty() ? "(in no module)" : base::printable(name),
         share.guessed_bytes != 0 ? fmt::format("({} guessed)", share.guessed_bytes) : ""});
  }
  std::string out = "\n" + bold(title, style) + "\n" +
                    aligned(rows, {true, true, true, true, true, true, false, false});
  if (shares.size() > top) out += fmt::format("  and {} more\n", shares.size() - top);
  return out;
}

std::string evidence_lines(const FrameEvidence& evidence, std::uint64_t bytes, bool is_64_bit) {
  if (!evidence.why_none.empty()) return fmt::format("        {}\n", evidence.why_none);
  std::vector<Row> rows;
  const auto row = [&](std::uint64_t amount, std::string what, std::string where = "") {
    rows.push_back({"     ", fmt::format("{}", amount), std::move(what), std::move(where)});
  };
  if (evidence.return_address != 0) row(evidence.return_address, "the return address");
  for (const analysis::TakenBy& each : evidence.taken)
    row(each.bytes, each.text,
        each.address != 0 ? base::address_text(each.address, is_64_bit) : std::string());
  if (evidence.arguments != 0) row(evidence.arguments, "pushed for the call that it stands at");
  std::string out = aligned(rows, {true, true, false, false});
  if (evidence.unexplained > 0)
    out += fmt::format("        {} more are not explained by its first instructions{}\n",
                       evidence.unexplained, evidence.aligns ? " (alignment is among them)" : "");
  if (evidence.unexplained < 0)
    out += fmt::format(
        "        that is more than its {} bytes: it changed stacks, or is not what it seems\n",
        bytes);
  if (evidence.agrees_with_unwind() == false)
    out += fmt::format("        the image's unwind codes say {} for these instructions\n",
                       *evidence.unwind_bytes);
  return out;
}

std::string local_text(const analysis::FrameLocal& local) {
  const std::string inlined =
      local.function.empty() ? "" : fmt::format(" in {}", base::printable(local.function));
  return fmt::format("{} {}{} {} bytes{}", base::printable(local.name), base::printable(local.type),
                     inlined, local.bytes, local.is_parameter ? " (a parameter)" : "");
}

// The largest of them: the others are of no weight.
std::string locals_line(const analysis::FrameLocals& locals) {
  constexpr std::size_t kMost = 4;
  std::vector<std::string> parts;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < locals.locals.size(); ++i) {
    if (i < kMost)
      parts.push_back(local_text(locals.locals[i]));
    else
      bytes += locals.locals[i].bytes;
  }
  if (parts.empty()) return "";
  if (locals.locals.size() > kMost)
    parts.push_back(fmt::format("{} more, {} bytes", locals.locals.size() - kMost, bytes));
  return fmt::format("        locals (PDB): {}\n", fmt::join(parts, "; "));
}

std::string largest_text(const StackUse& use, bool is_64_bit, const TextStyle& style) {
  if (use.largest.empty()) return "";
  std::string out = "\n" + bold("Largest frames, and what takes their bytes", style) + "\n";
  for (const LargeFrame& each : use.largest) {
    const FrameUse& frame_use = use.account.frames[each.use];
    const stacks::Frame& frame = use.stack->frames[frame_use.frame];
    const std::string name = frame.symbol.text();
    out += fmt::format("  {:02x} {} bytes  {}{}\n", frame_use.frame, frame_use.bytes,
                       base::printable(name.empty() ? base::hex_text(frame.ip) : name),
                       frame.trust == unwind::Trust::scan ? "  (a guess)" : "");
    out += evidence_lines(each.evidence, frame_use.bytes, is_64_bit);
    out += locals_line(each.locals);
  }
  return out;
}

std::string rounds_text(const Repetition& repetition) {
  std::string out = repetition.rounds == 2 ? "twice" : fmt::format("{} times", repetition.rounds);
  if (repetition.unfinished != 0)
    out += fmt::format(", and {} of {} once more", repetition.unfinished, repetition.round.size());
  return out + (repetition.is_exact ? "" : ", with small differences");
}

std::string repetitions_text(const StackUse& use, const TextStyle& style) {
  constexpr std::size_t kMostNames = 24;
  if (use.account.repetitions.empty()) return "";
  std::string out = "\n" + bold("Called again and again (callers first)", style) + "\n";
  for (const Repetition& each : use.account.repetitions) {
    std::vector<std::string> names;
    for (const std::string& name : each.round) names.push_back(base::printable(name));
    if (names.size() > kMostNames) {
      names.resize(kMostNames);
      names.emplace_back("...");
    }
    out +=
        fmt::format("  {} -> {}: {}; frames {:02x} to {:02x}, {} bytes ({})\n",
                    fmt::join(names, " -> "), names.front(), rounds_text(each), each.youngest_frame,
                    each.oldest_frame, each.bytes, percent(each.bytes, use.account.used));
  }
  return out;
}

std::string overhead_text(const StackAccount& account) {
  std::string out;
  std::uint64_t bytes[5] = {};
  std::size_t frames[5] = {};
  for (const FrameUse& use : account.frames) {
    bytes[static_cast<std::size_t>(use.overhead)] += use.bytes;
    ++frames[static_cast<std::size_t>(use.overhead)];
  }
  std::vector<std::string> parts;
  const auto part = [&](Overhead kind, std::string_view what) {
    const auto i = static_cast<std::size_t>(kind);
    if (frames[i] != 0) parts.push_back(fmt::format("{} {} ({})", bytes[i], what, frames[i]));
  };
  part(Overhead::dispatch, "passing IRPs on");
  part(Overhead::trap, "trap frames");
  part(Overhead::stack_switch, "changes of stacks");
  part(Overhead::crash, "the crash itself");
  if (!parts.empty())
    out += fmt::format("  overhead, whoever is called: {} bytes: {}\n", account.overhead,
                       fmt::join(parts, ", "));
  for (const SegmentUse& use : account.segments) {
    if (!use.is_accounted || use.frames == 0) continue;
    if (use.at_base != 0)
      out += fmt::format("  above the oldest frame of the {} stack: {} bytes\n",
                         target::name_of(use.segment.kind), use.at_base);
    if (const std::uint64_t in = use.counted + use.at_base; in < use.used)
      out += fmt::format("  between frames whose size is not known: {} bytes\n", use.used - in);
  }
  return out;
}

std::string account_text(const StackUse& use, const StackUseFacts& facts, const TextStyle& style) {
  const bool is_64_bit = facts.of.machine.is_64_bit();
  std::string out = "\n" + bold(thread_line(*use.stack, is_64_bit), style) + "\n";
  for (const SegmentUse& each : use.account.segments) out += segment_line(each, is_64_bit);
  out += together_line(use.account);
  if (use.account.frames.empty())
    return out + fmt::format("  no account: {}\n", use.stack->frames.empty()
                                                       ? use.stack->end_reason
                                                       : "no frame is on a stack of the thread");
  const std::string sentence = use.sentence(is_64_bit);
  if (!sentence.empty())
    out += fmt::format("\n{}.\n  Confidence {}: {}.\n", sentence, name_of(use.verdict.confidence),
                       use.verdict.because);
  out += shares_text("By module", use.account.modules, use.account, facts.top, style);
  out += overhead_text(use.account);
  out += shares_text("By function", use.account.functions, use.account, facts.top, style);
  out += repetitions_text(use, style) + largest_text(use, is_64_bit, style);
  if (use.stack->end != stacks::End::base && use.stack->end != stacks::End::user_mode)
    out += fmt::format("\n  the stack is not whole: {}\n", use.stack->end_reason);
  for (const std::string& note : use.stack->notes) out += fmt::format("note: {}\n", note);
  return out;
}

std::string growth_text(const SegmentUse& use) {
  if (!use.may_grow) return "";
  return fmt::format("{} grow by {}", use.grows ? "may" : "might", *use.may_grow);
}

}  // namespace

const LargeFrame* StackUse::frame_of_verdict() const {
  const auto wanted = largest_of(account, *stack, verdict.modules);
  const auto found = std::ranges::find_if(
      largest, [&](const LargeFrame& each) { return wanted && each.use == *wanted; });
  return found == largest.end() ? nullptr : &*found;
}

std::string StackUse::sentence(bool is_64_bit) const {
  const LargeFrame* frame = frame_of_verdict();
  return sentence_of(verdict, account, *stack, frame ? &frame->evidence : nullptr,
                     frame ? &frame->locals : nullptr, is_64_bit);
}

std::string near_limits_text(const StackUseFacts& facts, const TextStyle& style) {
  const analysis::NearLimits& near = facts.near_limits;
  if (near.threads.empty() && near.not_known == 0) return "";
  const bool is_64_bit = facts.of.machine.is_64_bit();
  std::string out =
      "\n" + bold("Threads nearest to the limits of their kernel stacks", style) + "\n";
  std::vector<Row> rows = {{"", "THREAD", "Cid", "left", "used", "of", "", ""}};
  for (std::size_t i = 0; i < near.threads.size() && i < facts.top; ++i) {
    const analysis::ThreadRoom& room = near.threads[i];
    const target::Thread& thread = *room.thread;
    const target::Process* process = facts.of.machine.process_of(thread);
    rows.push_back(
        {"", base::address_text(thread.address, is_64_bit),
         fmt::format("{:04x}.{:04x}", thread.process_id.value_or(0), thread.id.value_or(0)),
         fmt::format("{}", room.use.left), fmt::format("{}", room.use.used),
         fmt::format("{}", room.use.size),
         process ? std::string(base::file_name_of(base::printable(process->name))) : "",
         growth_text(room.use)});
  }
  if (rows.size() > 1) out += aligned(rows, {true, false, true, true, true, true, false, false});
  if (near.threads.size() > facts.top)
    out += fmt::format("  and {} more\n", near.threads.size() - facts.top);
  if (near.not_known != 0)
    out += fmt::format("  not known of {} threads: the dump lacks their objects or registers\n",
                       near.not_known);
  return out;
}

std::string stack_accounts_text(const StackUseFacts& facts, const TextStyle& style) {
  std::string out;
  if (!facts.crash) out += near_limits_text(facts, style);
  for (const StackUse& use : facts.stacks) out += account_text(use, facts, style);
  if (facts.crash) out += near_limits_text(facts, style);
  return out;
}

std::string stack_use_text(const StackUseFacts& facts, const TextStyle& style) {
  std::string out = heading_text(facts.of);
  for (const std::string& warning : warnings_of(facts.of))
    out += fmt::format("note: {}\n", warning);
  if (facts.crash) out += facts.crash.sentence + "\n";
  out += stack_accounts_text(facts, style);
  if (facts.missing.empty()) return out;
  std::vector<Row> rows;
  for (const symbols::Missing& missing : facts.missing)
    rows.push_back(
        {"", base::printable(missing.module), missing.what, base::printable(missing.remedy)});
  return out + "\nNot at hand, for these stacks:\n" + aligned(rows, {false, false, false, false});
}

}  // namespace ntstack::report
