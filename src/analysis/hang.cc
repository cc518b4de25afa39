#include "analysis/hang.h"

#include <algorithm>
#include <map>

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

bool is_telling(const std::optional<WaitWords>& waits) {
  return waits && (waits->kind == WaitKind::lock || waits->kind == WaitKind::io ||
                   waits->kind == WaitKind::reply);
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
  hang.with_stack = static_cast<std::size_t>(
      std::ranges::count_if(stacks, [](const Stack& stack) { return !stack.frames.empty(); }));
  hang.groups = stack_groups(stacks);
  find_long_waits(machine, stacks, hang);
  return hang;
}

}  // namespace ntstack::analysis
