#include "analysis/wait_graph.h"

#include <algorithm>

namespace ntstack::analysis {
namespace {

constexpr std::size_t kMostSteps = 10'000'000;  // of all counts together
constexpr std::size_t kMostCycles = 1000;

// How many threads wait behind objects; each object's by a search of its own, so that one that is
// reached on two ways counts once.
class Counter {
 public:
  explicit Counter(WaitGraph& graph)
      : graph_(graph), seen_objects_(graph.objects.size()), seen_waits_(graph.waits.size()) {}

  std::size_t behind(std::span<const std::size_t> objects) {
    ++round_;
    std::vector<std::size_t> open;
    const auto add = [&](std::size_t object) {
      if (seen_objects_[object] == round_) return;
      seen_objects_[object] = round_;
      open.push_back(object);
    };
    for (const std::size_t object : objects) add(object);
    std::size_t count = 0;
    while (!open.empty()) {
      const std::size_t object = open.back();
      open.pop_back();
      for (const std::size_t wait : graph_.objects[object].waiters) {
        if (++steps_ > kMostSteps) {
          graph_.is_cut = true;
          return count;
        }
        if (seen_waits_[wait] == round_) continue;
        seen_waits_[wait] = round_;
        ++count;
        const std::size_t stack = graph_.waits[wait].stack;
        for (const std::size_t held : graph_.holds[stack]) add(held);
      }
    }
    return count;
  }

 private:
  WaitGraph& graph_;
  std::size_t round_ = 0, steps_ = 0;
  std::vector<std::size_t> seen_objects_, seen_waits_;
};

// Tarjan's strongly connected components, without recursion. Nodes are objects; from one, an edge
// leads to what each of its holders waits for.
class Components {
 public:
  explicit Components(const WaitGraph& graph)
      : graph_(graph), state_(graph.objects.size()), component(graph.objects.size(), SIZE_MAX) {
    for (std::size_t i = 0; i < graph.objects.size(); ++i)
      if (state_[i].index == 0) visit(i);
  }

  // The `at`th object that an object leads to; nothing: there are no more.
  struct Edge {
    std::size_t holder = 0, object = 0;
  };
  static std::optional<Edge> edge(const WaitGraph& graph, std::size_t object, std::size_t at) {
    for (std::size_t i = 0; i < graph.objects[object].holders.size(); ++i) {
      const auto& stack = graph.objects[object].holders[i].stack;
      const auto wait = stack ? graph.wait_of_stack[*stack] : std::nullopt;
      if (!wait) continue;
      const auto& next = graph.waits_for[*wait];
      if (at < next.size()) return Edge{i, next[at]};
      at -= next.size();
    }
    return std::nullopt;
  }

 private:
  struct State {
    std::size_t index = 0, low = 0, next_edge = 0;
    bool is_open = false;
  };
  const WaitGraph& graph_;
  std::vector<State> state_;

 public:
  std::vector<std::size_t> component;  // of each object
  std::vector<std::vector<std::size_t>> members;

 private:
  void enter(std::size_t object) {
    state_[object] = {++indexes_, indexes_, 0, true};
    open_.push_back(object);
    path_.push_back(object);
  }

  void visit(std::size_t first) {
    enter(first);
    while (!path_.empty()) {
      const std::size_t object = path_.back();
      const auto next = edge(graph_, object, state_[object].next_edge++);
      if (next && state_[next->object].index == 0) {
        enter(next->object);
      } else if (next) {
        if (state_[next->object].is_open)
          state_[object].low = std::min(state_[object].low, state_[next->object].index);
      } else {
        leave(object);
      }
    }
  }

  void leave(std::size_t object) {
    path_.pop_back();
    if (!path_.empty())
      state_[path_.back()].low = std::min(state_[path_.back()].low, state_[object].low);
    if (state_[object].low != state_[object].index) return;
    members.emplace_back();
    std::size_t member = 0;
    do {
      member = open_.back();
      open_.pop_back();
      state_[member].is_open = false;
      component[member] = members.size() - 1;
      members.back().push_back(member);
    } while (member != object);
  }

  std::size_t indexes_ = 0;
  std::vector<std::size_t> open_, path_;
};

// A circle through a component, from its first member on: the first edge within it each time.
std::optional<WaitCycle> cycle_in(const WaitGraph& graph, const Components& components,
                                  std::size_t number) {
  std::vector<std::size_t> path;
  std::vector<Components::Edge> edges;
  std::size_t at = components.members[number].front();
  while (true) {
    const auto seen = std::ranges::find(path, at);
    if (seen != path.end()) {
      const auto first = static_cast<std::size_t>(seen - path.begin());
      WaitCycle cycle;
      cycle.certainty = Certainty::fact;
      for (std::size_t i = first; i < path.size(); ++i) {
        const Holder& holder = graph.objects[path[i]].holders[edges[i].holder];
        const std::size_t wait = *graph.wait_of_stack[*holder.stack];
        // The holder of this object waits for the next.
        cycle.steps.push_back({wait, edges[i].object});
        cycle.certainty = at_most(cycle.certainty, holder.certainty);
        cycle.certainty = at_most(cycle.certainty, graph.objects[edges[i].object].object.certainty);
        // It goes on with any of several objects.
        if (graph.waits_for[wait].size() > 1) cycle.certainty = Certainty::possible;
      }
      return cycle;
    }
    std::optional<Components::Edge> within;
    for (std::size_t i = 0; !within; ++i) {
      const auto next = Components::edge(graph, at, i);
      if (!next) return std::nullopt;
      if (components.component[next->object] == number) within = next;
    }
    path.push_back(at);
    edges.push_back(*within);
    at = within->object;
  }
}

void find_cycles(WaitGraph& graph, Counter& counter) {
  const Components components(graph);
  for (std::size_t i = 0; i < components.members.size(); ++i) {
    if (graph.cycles.size() >= kMostCycles) {
      graph.is_cut = true;
      break;
    }
    auto cycle = cycle_in(graph, components, i);
    if (!cycle) continue;
    cycle->behind = counter.behind(components.members[i]);
    graph.cycles.push_back(std::move(*cycle));
  }
  std::ranges::stable_sort(graph.cycles, std::greater{}, &WaitCycle::behind);
}

// Whether a holder itself waits for what somebody is known to have.
bool goes_on(const WaitGraph& graph, const AwaitedObject& awaited) {
  return std::ranges::any_of(awaited.holders, [&](const Holder& holder) {
    const auto wait = holder.stack ? graph.wait_of_stack[*holder.stack] : std::nullopt;
    return wait && std::ranges::any_of(graph.waits_for[*wait], [&](std::size_t next) {
             return !graph.objects[next].holders.empty() ||
                    is_lock(graph.objects[next].object.kind);
           });
  });
}

bool is_root(const WaitGraph& graph, const AwaitedObject& awaited) {
  if (!awaited.holders.empty()) return !goes_on(graph, awaited);
  if (is_lock(awaited.object.kind)) return true;
  if (awaited.waiters.size() < 2) return false;
  return std::ranges::none_of(awaited.waiters, [&](std::size_t wait) {
    const auto& words = graph.waits[wait].words;
    return words && words->kind == WaitKind::idle;
  });
}

}  // namespace

void join_waits(WaitGraph& graph, std::size_t stacks) {
  graph.holds.assign(stacks, {});
  graph.wait_of_stack.assign(stacks, std::nullopt);
  for (std::size_t i = 0; i < graph.waits.size(); ++i)
    graph.wait_of_stack[graph.waits[i].stack] = i;
  for (std::size_t i = 0; i < graph.objects.size(); ++i)
    for (const Holder& holder : graph.objects[i].holders)
      if (holder.stack) graph.holds[*holder.stack].push_back(i);
  Counter counter(graph);
  const auto count = [&](std::size_t i) {
    // Those that wait for it are behind it whatever the count comes to.
    AwaitedObject& awaited = graph.objects[i];
    awaited.behind = std::max(counter.behind(std::span(&i, 1)), awaited.waiters.size());
  };
  // Where there is too much to count, roots and cycles are counted before all others.
  for (std::size_t i = 0; i < graph.objects.size(); ++i)
    if (is_root(graph, graph.objects[i])) graph.roots.push_back(i);
  std::vector<bool> is_counted(graph.objects.size());
  for (const std::size_t root : graph.roots) {
    count(root);
    is_counted[root] = true;
  }
  find_cycles(graph, counter);
  for (std::size_t i = 0; i < graph.objects.size(); ++i)
    if (!is_counted[i]) count(i);
  std::ranges::stable_sort(graph.roots, [&](std::size_t a, std::size_t b) {
    return graph.objects[a].behind > graph.objects[b].behind;
  });
}

}  // namespace ntstack::analysis
