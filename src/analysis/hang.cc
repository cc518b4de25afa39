#include "analysis/hang.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "analysis/blame_skips.h"
#include "analysis/signature.h"
#include "target/facts.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

std::vector<Counted> by_count(const std::map<std::string, std::size_t>& counts) {
  std::vector<Counted> all;
  for (const auto& [what, count] : counts) all.push_back({what, count});
  std::ranges::stable_sort(all, std::greater{}, &Counted::count);
  return all;
}

void count_states(const target::Machine& machine, Hang& hang) {
  std::map<std::string, std::size_t> states, reasons;
  for (const target::Thread& thread : machine.threads()) {
    std::string state = thread.processor ? "Running" : "not known";
    if (!thread.processor && thread.captured) state = "captured by an APC";
    if (!thread.processor && !thread.captured && thread.state) {
      const std::string_view name = target::thread_state_name(*thread.state);
      if (!name.empty()) state = name;
      const std::string_view reason =
          thread.wait_reason ? target::wait_reason_name(*thread.wait_reason) : "";
      if (state == "Waiting" && !reason.empty()) ++reasons[std::string(reason)];
    }
    ++states[state];
  }
  hang.states = by_count(states);
  hang.wait_reasons = by_count(reasons);
}

// From the first frame on that is not of the wait, the switch or the capture itself: a thread that
// was captured in its wait is like one that was not. All of them where nothing else is there.
std::vector<std::string> frames_of(const Stack& stack) {
  const auto says_something = [](const stacks::Frame& frame) {
    return passed_over(frame).as != Passed::machinery;
  };
  auto first = std::ranges::find_if(stack.frames, says_something);
  if (first == stack.frames.end()) first = stack.frames.begin();
  std::vector<std::string> frames;
  for (const stacks::Frame& frame : std::ranges::subrange(first, stack.frames.end())) {
    if (frame.is_inline) continue;
    std::string text = normalised(frame);
    frames.push_back(text.empty() ? "(in no module)" : std::move(text));
  }
  return frames;
}

std::string key_of(const std::vector<std::string>& frames) {
  std::string key;
  for (const std::string& each : frames) key += each + "\n";
  return key;
}

bool is_telling(const std::optional<WaitWords>& waits) {
  return waits && (waits->kind == WaitKind::lock || waits->kind == WaitKind::io ||
                   waits->kind == WaitKind::reply);
}

void group_stacks(const std::vector<Stack>& stacks, Hang& hang) {
  std::unordered_map<std::string, std::size_t> by_frames;
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    if (stacks[i].frames.empty()) continue;
    ++hang.with_stack;
    std::vector<std::string> frames = frames_of(stacks[i]);
    const auto [at, is_new] = by_frames.try_emplace(key_of(frames), hang.groups.size());
    if (is_new) {
      hang.groups.push_back({{}, std::move(frames), wait_words_of(stacks[i]), 0, false});
      hang.groups.back().has_guesses = std::ranges::any_of(
          stacks[i].frames, [](const auto& f) { return f.trust == unwind::Trust::scan; });
    }
    hang.groups[at->second].stacks.push_back(i);
  }
  for (StackGroup& group : hang.groups) {
    std::set<const target::Process*> processes;
    for (const std::size_t i : group.stacks) processes.insert(stacks[i].process);
    group.processes = processes.size();
  }
  std::ranges::stable_sort(hang.groups, [](const StackGroup& a, const StackGroup& b) {
    if (is_telling(a.waits) != is_telling(b.waits)) return is_telling(a.waits);
    return a.stacks.size() > b.stacks.size();
  });
}

void find_long_waits(const target::Machine& machine, const std::vector<Stack>& stacks, Hang& hang) {
  const target::Clock clock = target::read_clock(machine);
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    const target::Thread* thread = stacks[i].thread;
    if (!thread || !target::is_waiting(*thread)) continue;
    const auto facts = target::read_thread_facts(machine, *thread);
    if (!facts.wait_start || !clock.ticks) {
      ++hang.without_wait_time;
      continue;
    }
    const auto ticks = static_cast<std::int32_t>(*clock.ticks - *facts.wait_start);
    const auto waits = wait_words_of(stacks[i]);
    if (ticks < 0 || (waits && waits->kind == WaitKind::idle)) continue;
    LongWait wait{i, static_cast<std::uint32_t>(ticks), {}, waits};
    if (clock.tick_length)
      wait.seconds = static_cast<double>(wait.ticks) * *clock.tick_length / 1e7;
    hang.longest.push_back(wait);
  }
  std::ranges::stable_sort(hang.longest, [](const LongWait& a, const LongWait& b) {
    if (is_telling(a.waits) != is_telling(b.waits)) return is_telling(a.waits);
    return a.ticks > b.ticks;
  });
}

}  // namespace

Hang hang_of(const target::Machine& machine, const std::vector<Stack>& stacks) {
  Hang hang;
  hang.threads = machine.threads().size();
  count_states(machine, hang);
  group_stacks(stacks, hang);
  find_long_waits(machine, stacks, hang);
  return hang;
}

}  // namespace ntstack::analysis
