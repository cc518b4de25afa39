#include "report/analyze_threads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/text.h"
#include "report/wrap.h"

namespace ntstack::report {
namespace {

using analysis::Hang;
using analysis::LongWait;
using analysis::StackGroup;

constexpr std::size_t kMostGroups = 6, kMostGroupFrames = 8, kMostWaits = 6, kMostMembers = 3;

std::string counts_text(const std::vector<analysis::Counted>& counts, std::size_t most) {
  std::vector<std::string> parts;
  for (const auto& each : counts) {
    if (parts.size() == most) break;
    parts.push_back(fmt::format("{} {}", each.count, each.what));
  }
  return fmt::format("{}{}", fmt::join(parts, ", "), counts.size() > most ? ", ..." : "");
}

std::string waits_text(const std::optional<analysis::WaitWords>& waits) {
  return waits ? fmt::format("waiting for {}", waits->words) : std::string();
}

std::string group_text(const StackGroup& group, const AnalysisFacts& facts, bool is_verbose) {
  const bool is_64_bit = facts.of.machine.is_64_bit();
  const std::size_t count = group.stacks.size();
  std::string out = wrapped(
      fmt::format("{} thread{}{}{}{}:", count, count == 1 ? "" : "s",
                  group.processes > 1 ? fmt::format(" of {} processes", group.processes) : "",
                  group.waits ? ", " + waits_text(group.waits) : std::string(),
                  group.has_guesses ? " (some frames are guesses)" : ""),
      "  ");
  const std::size_t members = is_verbose ? count : std::min(count, kMostMembers);
  for (std::size_t i = 0; i < members; ++i)
    out += fmt::format("    {}\n", thread_line(facts.analysis.stacks[group.stacks[i]], is_64_bit));
  if (count > members) out += fmt::format("    and {} more\n", count - members);
  const std::size_t frames =
      is_verbose ? group.frames.size() : std::min(group.frames.size(), kMostGroupFrames);
  for (std::size_t i = 0; i < frames; ++i)
    out += fmt::format("      {}\n", base::printable(group.frames[i]));
  if (group.frames.size() > frames)
    out += fmt::format("      ... {} more\n", group.frames.size() - frames);
  return out;
}

std::string wait_line(const LongWait& wait, const AnalysisFacts& facts) {
  const std::string since =
      wait.seconds ? fmt::format("{:.1f} s", *wait.seconds) : fmt::format("{} ticks", wait.ticks);
  return fmt::format("  {:>12}  {}{}\n", since,
                     thread_line(facts.analysis.stacks[wait.stack], facts.of.machine.is_64_bit()),
                     wait.waits ? ", for " + std::string(wait.waits->words) : std::string());
}

}  // namespace

std::string threads_text(const AnalysisFacts& facts, const TextStyle& style, bool is_verbose) {
  if (!facts.analysis.hang) return "";
  const Hang& hang = *facts.analysis.hang;
  const auto title = [&](std::string_view text) {
    return style.colour ? fmt::format("\n\x1b[1m{}\x1b[0m\n", text) : fmt::format("\n{}\n", text);
  };
  std::string out = title("THREADS");
  out += wrapped(fmt::format("{}: {}.", hang.threads, counts_text(hang.states, 8)), "  ");
  if (!hang.wait_reasons.empty())
    out += wrapped(fmt::format("waiting: {}.", counts_text(hang.wait_reasons, 6)), "  ");
  if (!hang.groups.empty()) {
    out += title("THE SAME STACKS");
    const std::size_t most =
        is_verbose ? hang.groups.size() : std::min(hang.groups.size(), kMostGroups);
    for (std::size_t i = 0; i < most; ++i) out += group_text(hang.groups[i], facts, is_verbose);
    if (hang.groups.size() > most)
      out += fmt::format("  and {} other stacks: ntstack stacks DUMP\n", hang.groups.size() - most);
  }
  if (!hang.longest.empty()) {
    out += title("WHO WAITS LONGEST (threads that wait for work left out)");
    const std::size_t most =
        is_verbose ? hang.longest.size() : std::min(hang.longest.size(), kMostWaits);
    for (std::size_t i = 0; i < most; ++i) out += wait_line(hang.longest[i], facts);
    if (hang.longest.size() > most)
      out += fmt::format("  and {} more\n", hang.longest.size() - most);
  }
  return out;
}

}  // namespace ntstack::report
