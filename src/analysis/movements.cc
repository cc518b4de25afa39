#include "analysis/movements.h"

#include <algorithm>
#include <map>
#include <utility>

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;

using Cid = std::pair<std::uint64_t, std::uint64_t>;  // process and thread

std::optional<Cid> cid_of(const Stack& stack) {
  if (!stack.thread || !stack.thread->id) return std::nullopt;
  return Cid{stack.thread->process_id.value_or(0), *stack.thread->id};
}

bool may_be_same(const target::Thread& a, const target::Thread& b) {
  if (a.address != 0 && b.address != 0 && a.address != b.address) return false;
  return !a.create_time || !b.create_time || *a.create_time == *b.create_time;
}

// The frames that say where a thread is: those with a place on the stack, the APC's left out where
// its delivery is known by name.
std::vector<const Frame*> place_of(const Stack& stack) {
  constexpr std::size_t kDeepestDelivery = 6;
  std::vector<const Frame*> frames;
  for (const Frame& frame : stack.frames)
    if (!frame.is_inline) frames.push_back(&frame);
  if (!stack.thread || !stack.thread->captured) return frames;
  for (std::size_t i = 0; i < frames.size() && i < kDeepestDelivery; ++i) {
    if (frames[i]->symbol.name != "KiDeliverApc") continue;
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    break;
  }
  return frames;
}

// Puts each snapshot's threads together.
class Comparison {
 public:
  explicit Comparison(std::span<const Snapshot> snapshots) : snapshots_(snapshots) {}

  std::vector<ThreadMovement> run() {
    for (std::size_t i = 0; i < snapshots_.size(); ++i)
      for (const Stack& stack : snapshots_[i].stacks) add(i, stack);
    for (ThreadMovement& thread : threads_) judge(thread);
    return std::move(threads_);
  }

 private:
  void add(std::size_t snapshot, const Stack& stack) {
    const auto cid = cid_of(stack);
    if (!cid) return;
    const auto [from, to] = by_cid_.equal_range(*cid);
    for (auto at = from; at != to; ++at) {
      ThreadMovement& known = threads_[at->second];
      if (known.stacks[snapshot] || !may_be_same(*known.first().thread, *stack.thread)) continue;
      known.stacks[snapshot] = &stack;
      return;
    }
    by_cid_.emplace(*cid, threads_.size());
    ThreadMovement thread;
    thread.stacks.assign(snapshots_.size(), nullptr);
    thread.stacks[snapshot] = &stack;
    threads_.push_back(std::move(thread));
  }

  void judge(ThreadMovement& thread) const {
    const Stack* before = nullptr;
    std::size_t known = 0;
    for (const Stack* stack : thread.stacks) {
      if (!stack || stack->frames.empty()) continue;
      ++known;
      if (before && !is_same_place(*before, *stack)) ++thread.changes;
      before = stack;
    }
    thread.switches = switches_of(thread);
    if (!thread.stacks.back())
      thread.movement = Movement::ended;
    else if (!thread.stacks.front())
      thread.movement = Movement::appeared;
    else if (known < 2)
      thread.movement = Movement::not_known;
    else
      thread.movement = thread.changes == 0 ? Movement::still : Movement::moved;
  }

  std::optional<std::uint32_t> switches_of(const ThreadMovement& thread) const {
    std::optional<std::uint32_t> first, last;
    for (std::size_t i = 0; i < snapshots_.size(); ++i) {
      if (!thread.stacks[i] || !snapshots_[i].context_switches) continue;
      const auto count = snapshots_[i].context_switches(*thread.stacks[i]->thread);
      if (!count) continue;
      if (!first)
        first = count;
      else
        last = count;
    }
    // The kernel's count wraps.
    return first && last ? std::optional(*last - *first) : std::nullopt;
  }

  std::span<const Snapshot> snapshots_;
  std::vector<ThreadMovement> threads_;
  std::multimap<Cid, std::size_t> by_cid_;
};

}  // namespace

std::string_view name_of(Movement movement) {
  switch (movement) {
    case Movement::still:
      return "still";
    case Movement::moved:
      return "moved";
    case Movement::appeared:
      return "appeared";
    case Movement::ended:
      return "ended";
    case Movement::not_known:
      break;
  }
  return "not_known";
}

const Stack& ThreadMovement::first() const {
  return **std::ranges::find_if(stacks, [](const Stack* stack) { return stack != nullptr; });
}

std::vector<ThreadMovement> compare(std::span<const Snapshot> snapshots) {
  return Comparison(snapshots).run();
}

bool is_same_place(const Stack& a, const Stack& b) {
  return std::ranges::equal(place_of(a), place_of(b), [](const Frame* x, const Frame* y) {
    return x->ip == y->ip && x->child_sp == y->child_sp;
  });
}

}  // namespace ntstack::analysis
