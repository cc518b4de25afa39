#include "analysis/cycles.h"

#include <algorithm>
#include <map>
#include <optional>
#include <unordered_map>

namespace ntstack::analysis {
namespace {

using Items = std::span<const std::uint32_t>;

constexpr std::size_t kMostAnchors = 64;
constexpr std::size_t kMostCycles = 16;

class Search {
 public:
  explicit Search(Items items) : items_(items) {}

  Cycles run() {
    search(0, items_.size());
    std::ranges::sort(found_.cycles, {}, &Cycle::first);
    return std::move(found_);
  }

 private:
  // The best cycle of a stretch, and then those before and behind it.
  void search(std::size_t first, std::size_t end) {
    std::vector<std::pair<std::size_t, std::size_t>> open = {{first, end}};
    while (!open.empty() && found_.cycles.size() < kMostCycles &&
           found_.work < kMostCycleWork / 2) {
      const auto [from, to] = open.back();
      open.pop_back();
      auto best = best_of(from, to);
      if (!best) continue;
      open.emplace_back(from, best->first);
      open.emplace_back(best->end, to);
      found_.cycles.push_back(std::move(*best));
    }
  }

  // Rounds begin at each occurrence of one item, the anchor: each item is tried, the most frequent
  // ones where there are too many.
  std::optional<Cycle> best_of(std::size_t from, std::size_t to) {
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> places;
    for (std::size_t i = from; i < to; ++i) places[items_[i]].push_back(i);
    found_.work += to - from;
    std::vector<const std::vector<std::size_t>*> anchors;
    for (const auto& each : places)
      if (each.second.size() > 1) anchors.push_back(&each.second);
    std::ranges::sort(anchors, [](const auto* a, const auto* b) {
      return a->size() != b->size() ? a->size() > b->size() : a->front() < b->front();
    });
    if (anchors.size() > kMostAnchors) anchors.resize(kMostAnchors);
    std::optional<Cycle> best;
    for (const auto* anchor : anchors) try_anchor(*anchor, to, best);
    return best;
  }

  void try_anchor(const std::vector<std::size_t>& at, std::size_t to, std::optional<Cycle>& best) {
    std::size_t first = 0;
    while (first + 1 < at.size()) {
      // The rounds that follow from here, each like the one before; the last may be cut off.
      std::size_t last = first;
      while (last + 2 < at.size() &&
             alike(round(at[last], at[last + 1]), round(at[last + 1], at[last + 2])))
        ++last;
      consider(std::span(at).subspan(first, last + 2 - first), to, best);
      first = last + 1;
    }
  }

  Items round(std::size_t from, std::size_t to) const { return items_.subspan(from, to - from); }

  // `at`: where rounds begin, the last of which may not be whole.
  void consider(std::span<const std::size_t> at, std::size_t to, std::optional<Cycle>& best) {
    Cycle cycle;
    cycle.first = at.front();
    cycle.starts.assign(at.begin(), at.end() - 1);
    cycle.end = at.back();
    if (best && !may_be_better(at, to, *best)) return;
    describe(cycle);
    add_last_round(cycle, to);
    if (cycle.rounds < 2 || (best && !is_better(cycle, *best))) return;
    best = std::move(cycle);
  }

  static bool may_be_better(std::span<const std::size_t> at, std::size_t to, const Cycle& best) {
    std::size_t longest = 0;
    for (std::size_t i = 0; i + 1 < at.size(); ++i) longest = std::max(longest, at[i + 1] - at[i]);
    return std::min(to, at.back() + 2 * longest) - at.front() >= best.end - best.first;
  }

  static bool is_better(const Cycle& a, const Cycle& b) {
    const std::size_t covers_a = a.end - a.first, covers_b = b.end - b.first;
    if (covers_a != covers_b) return covers_a > covers_b;
    if (a.rounds != b.rounds) return a.rounds > b.rounds;
    return a.first < b.first;
  }

  // The round that begins where the others end, whole or not.
  void add_last_round(Cycle& cycle, std::size_t to) {
    const Items unit = cycle.unit;
    const std::size_t last = cycle.end;
    const Items same = round(last, std::min(to, last + unit.size()));
    const auto differs = std::ranges::mismatch(same, unit).in1;
    const auto begun = static_cast<std::size_t>(differs - same.begin());
    found_.work += begun + 1;
    const std::size_t whole = begun == unit.size() ? begun : end_of_round(last, to, unit);
    cycle.rounds = cycle.starts.size();
    cycle.end = last + std::max(whole, begun);
    if (whole == 0) {
      cycle.unfinished = begun;
      return;
    }
    cycle.starts.push_back(last);
    ++cycle.rounds;
    cycle.is_exact = cycle.is_exact && begun == unit.size();
  }

  // Items of a round that is like the unit and ends as that does, a quarter longer at most;
  // 0: there is none.
  std::size_t end_of_round(std::size_t from, std::size_t to, Items unit) {
    const Items rest = round(from, std::min(to, from + unit.size() + unit.size() / 4));
    for (std::size_t size = rest.size(); size > 1; --size) {
      ++found_.work;
      if (rest[size - 1] == unit.back()) return alike(rest.first(size), unit) ? size : 0;
    }
    return 0;
  }

  // The round that most of the whole ones are.
  void describe(Cycle& cycle) {
    std::map<std::vector<std::uint32_t>, std::size_t> counts;
    for (std::size_t i = 0; i < cycle.starts.size(); ++i) {
      const Items each =
          round(cycle.starts[i], i + 1 < cycle.starts.size() ? cycle.starts[i + 1] : cycle.end);
      ++counts[std::vector<std::uint32_t>(each.begin(), each.end())];
    }
    found_.work += cycle.end - cycle.first;
    cycle.is_exact = counts.size() == 1;
    cycle.unit =
        std::ranges::max_element(counts, {}, [](const auto& each) { return each.second; })->first;
  }

  // At least 3 of 4 items are common, in order: twice the longest common subsequence.
  bool alike(Items a, Items b) {
    found_.work += std::min(a.size(), b.size());
    if (std::ranges::equal(a, b)) return true;
    const std::size_t shorter = std::min(a.size(), b.size());
    const std::size_t needed = 3 * (a.size() + b.size());
    if (8 * shorter < needed) return false;
    const std::uint64_t cost = std::uint64_t{a.size()} * b.size();
    if (cost > kMostCycleWork / 2 || found_.work > kMostCycleWork / 2 - cost) return false;
    found_.work += cost;
    return 8 * common(a, b) >= needed;
  }

  static std::size_t common(Items a, Items b) {
    std::vector<std::size_t> row(b.size() + 1, 0);
    for (const std::uint32_t item : a) {
      std::size_t diagonal = 0;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = item == b[j - 1] ? diagonal + 1 : std::max(above, row[j - 1]);
        diagonal = above;
      }
    }
    return row.back();
  }

  Items items_;
  Cycles found_;
};

}  // namespace

Cycles find_cycles(std::span<const std::uint32_t> items) {
  return Search(items.first(std::min(items.size(), kMostCycleItems))).run();
}

}  // namespace ntstack::analysis
