#include "analysis/stack_verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "analysis/repetitions.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

unsigned percent_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return 0;
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return static_cast<unsigned>(std::min(100.0, share) + 0.5);
}

bool is_driver_of_others(const Share& share) {
  return !share.module.empty() && !is_windows_own(share.module);
}

void name(StackVerdict& verdict, const Share& share) {
  verdict.modules.push_back(share.module.empty() ? "code in no module" : share.module);
  verdict.bytes += share.own_bytes();
  verdict.frames += share.frames;
}

// What the next module after those has.
std::uint64_t next_to(const StackVerdict& verdict, const StackAccount& account) {
  for (const Share& share : account.modules)
    if (std::ranges::find(verdict.modules, share.module) == verdict.modules.end())
      return share.own_bytes();
  return 0;
}

void judge(StackVerdict& verdict, const StackAccount& account) {
  const std::uint64_t next = next_to(verdict, account);
  const double lead =
      next == 0 ? 10.0 : static_cast<double>(verdict.bytes) / static_cast<double>(next);
  const unsigned guessed = percent_of(account.guessed, account.counted);
  const std::string guesses =
      account.guessed_frames == 0
          ? std::string("no frame is a guess")
          : fmt::format("{} of {} frames, {} % of the bytes, are guesses", account.guessed_frames,
                        account.frame_count, guessed);
  const std::string others = next == 0 ? std::string("no other module has bytes of its own")
                                       : fmt::format("the next module has {} bytes", next);
  verdict.because = fmt::format("{}; {}", guesses, others);
  if (guessed > 50 || lead < 1.1)
    verdict.confidence = Confidence::low;
  else if (guessed > 5 || lead < 1.5)
    verdict.confidence = Confidence::medium;
  else
    verdict.confidence = Confidence::high;
}

std::string frame_text(const StackAccount& account, const stacks::Stack& stack,
                       const StackVerdict& verdict, const FrameEvidence* evidence,
                       const FrameLocals* locals, bool is_64_bit) {
  const auto largest = largest_of(account, stack, verdict.modules);
  if (!largest) return "";
  const FrameUse& use = account.frames[*largest];
  std::string out = fmt::format(", {} bytes of it in one, {}", use.bytes,
                                base::printable(function_text(stack.frames[use.frame])));
  std::vector<std::string> why;
  const TakenBy* most = evidence ? evidence->largest() : nullptr;
  if (most)
    why.push_back(fmt::format("{} of them by `{}` at {}", most->bytes, most->text,
                              base::address_text(most->address, is_64_bit)));
  const FrameLocal* local = locals ? locals->most_of(use.bytes) : nullptr;
  if (local)
    why.push_back(fmt::format(
        "{} of them are its local `{}`{}", local->bytes, base::printable(local->name),
        local->function.empty() ? std::string()
                                : " of the inlined " + base::printable(local->function)));
  return why.empty() ? out : out + fmt::format(" ({})", fmt::join(why, "; "));
}

}  // namespace

std::string_view name_of(Confidence confidence) {
  switch (confidence) {
    case Confidence::high:
      return "high";
    case Confidence::medium:
      return "medium";
    case Confidence::low:
      break;
  }
  return "low";
}

std::optional<std::size_t> largest_of(const StackAccount& account, const stacks::Stack& stack,
                                      const std::vector<std::string>& modules) {
  for (const std::size_t each : account.largest) {
    const std::string& module = stack.frames[account.frames[each].frame].symbol.module;
    if (std::ranges::find(modules, module) != modules.end()) return each;
  }
  return {};
}

StackVerdict verdict_of(const StackAccount& account) {
  StackVerdict verdict;
  if (account.modules.empty() || account.modules.front().own_bytes() == 0) return verdict;
  const Share& first = account.modules.front();
  std::uint64_t of_others = 0;
  for (const Share& share : account.modules)
    if (is_driver_of_others(share)) of_others += share.own_bytes();
  if (!is_driver_of_others(first) && of_others > first.own_bytes()) {
    for (const Share& share : account.modules)
      if (is_driver_of_others(share)) name(verdict, share);
  } else {
    name(verdict, first);
  }
  verdict.percent = percent_of(verdict.bytes, account.used);
  judge(verdict, account);
  return verdict;
}

std::string sentence_of(const StackVerdict& verdict, const StackAccount& account,
                        const stacks::Stack& stack, const FrameEvidence* evidence,
                        const FrameLocals* locals, bool is_64_bit) {
  if (verdict.modules.empty()) return "";
  constexpr std::size_t kMostNames = 6;
  std::vector<std::string> names;
  for (const std::string& each : verdict.modules) names.push_back(base::printable(each));
  if (names.size() > kMostNames) {
    const std::size_t more = names.size() - kMostNames;
    names.resize(kMostNames);
    names.push_back(fmt::format("{} more", more));
  }
  const std::string last = names.back();
  names.pop_back();
  const std::string who =
      names.empty() ? last : fmt::format("{} and {}", fmt::join(names, ", "), last);
  return fmt::format("{}{} used {} bytes, {} % of what is in use, in {} frame{}{}", who,
                     verdict.modules.size() > 1
                         ? ", drivers that by their names are not Windows' own, together"
                         : "",
                     verdict.bytes, verdict.percent, verdict.frames, verdict.frames == 1 ? "" : "s",
                     frame_text(account, stack, verdict, evidence, locals, is_64_bit));
}

}  // namespace ntstack::analysis
