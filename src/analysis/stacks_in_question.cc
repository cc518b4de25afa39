#include "analysis/stacks_in_question.h"

#include <algorithm>
#include <unordered_set>

namespace ntstack::analysis {
namespace {

using stacks::Stack;

std::vector<Stack> walk(stacks::Walker& walker, const stacks::Walker::IsWanted& is_wanted) {
  std::vector<Stack> walked = walker.walk_all(is_wanted);
  std::erase_if(walked, [](const Stack& stack) { return !stack.thread; });
  return walked;
}

const target::Thread* crashed_thread(const target::Machine& machine) {
  for (const target::Processor& processor : machine.processors())
    if (processor.crashed) return machine.thread_at(processor.current_thread);
  return nullptr;
}

bool take_crash(const target::Machine& machine, stacks::Walker& walker, StacksInQuestion& found) {
  const target::Thread* crashed = crashed_thread(machine);
  if (!crashed) {
    found.crash = stack_crash_of(machine, nullptr);
    return false;
  }
  found.stacks = walk(walker, [&](const target::Thread& thread) { return &thread == crashed; });
  found.crash = stack_crash_of(machine, found.stacks.empty() ? nullptr : &found.stacks.front());
  return found.crash && !found.stacks.empty();
}

}  // namespace

StacksInQuestion stacks_by_use(const target::Machine& machine, stacks::Walker& walker,
                               std::size_t most) {
  StacksInQuestion found;
  found.near_limits = threads_by_room(machine);
  if (take_crash(machine, walker, found)) return found;
  std::unordered_set<const target::Thread*> nearest;
  const auto& threads = found.near_limits.threads;
  for (std::size_t i = 0; i < threads.size() && i < most; ++i) nearest.insert(threads[i].thread);
  found.stacks =
      walk(walker, [&](const target::Thread& thread) { return nearest.contains(&thread); });
  const auto place_of = [&](const Stack& stack) {
    return std::ranges::find(threads, stack.thread, &ThreadRoom::thread);
  };
  std::ranges::stable_sort(found.stacks, {}, place_of);
  return found;
}

}  // namespace ntstack::analysis
