#include "analysis/stack_groups.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "analysis/blame_skips.h"
#include "analysis/signature.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

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

// 0 is looked at first.
int rank_of(const std::optional<WaitWords>& waits) {
  if (!waits || waits->kind == WaitKind::other) return 1;
  return waits->kind == WaitKind::idle ? 2 : 0;
}

void count_owners(const std::vector<Stack>& stacks, StackGroup& group) {
  using Owner = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;
  std::set<Owner> processes;
  std::set<std::uint32_t> dumps;
  // One process has one object and ID in all dumps of a boot; where dumps are of several, the same
  // pair in two is so unlikely that it is not told apart.
  for (const std::size_t i : group.stacks) {
    const target::Process* process = stacks[i].process;
    processes.insert(process ? Owner{0, process->address, process->id.value_or(0)}
                             : Owner{stacks[i].dump + 1, 0, 0});
    dumps.insert(stacks[i].dump);
  }
  group.processes = processes.size();
  group.dumps = dumps.size();
}

// Frames as numbers: the same name, the same number.
class FrameNumbers {
 public:
  std::vector<std::uint32_t> of(const std::vector<std::string>& frames) {
    std::vector<std::uint32_t> numbers;
    for (const std::string& frame : frames)
      numbers.push_back(
          by_name_.try_emplace(frame, static_cast<std::uint32_t>(by_name_.size())).first->second);
    return numbers;
  }

 private:
  std::unordered_map<std::string_view, std::uint32_t> by_name_;
};

using Numbers = std::vector<std::uint32_t>;

// How many insertions, removals and replacements make one of the other; most + 1 where it takes
// more than `most`. Only the cells of the table that can matter are computed; `steps` counts them.
std::size_t distance(const Numbers& a, const Numbers& b, std::size_t most, std::uint64_t& steps) {
  const std::size_t apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > most) return most + 1;
  std::vector<std::size_t> before(b.size() + 1), now(b.size() + 1, most + 1);
  std::iota(before.begin(), before.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    const std::size_t first = i > most ? i - most : 1, last = std::min(b.size(), i + most);
    now[first - 1] = first == 1 ? i : most + 1;
    std::size_t least = now[first - 1];
    steps += last - first + 1;
    for (std::size_t j = first; j <= last; ++j) {
      const std::size_t replaced = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      const std::size_t removed = j < i + most ? before[j] + 1 : most + 1;
      now[j] = std::min({replaced, removed, now[j - 1] + 1, most + 1});
      least = std::min(least, now[j]);
    }
    if (least > most) return most + 1;
    std::swap(before, now);
  }
  return before[b.size()];
}

// Frames of which one has more than the other, counted: never more than twice the distance.
bool may_be_near(const Numbers& sorted_a, const Numbers& sorted_b, std::size_t most,
                 std::uint64_t& steps) {
  std::size_t i = 0, j = 0, unlike = 0;
  while (i < sorted_a.size() || j < sorted_b.size()) {
    ++steps;
    if (i < sorted_a.size() && j < sorted_b.size() && sorted_a[i] == sorted_b[j]) {
      ++i, ++j;
      continue;
    }
    if (++unlike > 2 * most) return false;
    const bool takes_a = j == sorted_b.size() || (i < sorted_a.size() && sorted_a[i] < sorted_b[j]);
    takes_a ? ++i : ++j;
  }
  return true;
}

// The longest frames in common, then what lies between them. Both are short: stacks that are nearly
// alike, of at most a walk's frames.
std::vector<FrameDifference> differences_of(const std::vector<std::string>& model,
                                            const std::vector<std::string>& other) {
  const std::size_t rows = model.size() + 1, columns = other.size() + 1;
  std::vector<std::uint32_t> common(rows * columns, 0);
  for (std::size_t i = model.size(); i-- > 0;)
    for (std::size_t j = other.size(); j-- > 0;)
      common[i * columns + j] = model[i] == other[j] ? common[(i + 1) * columns + j + 1] + 1
                                                     : std::max(common[(i + 1) * columns + j],
                                                                common[i * columns + j + 1]);
  std::vector<FrameDifference> found;
  bool is_open = false;  // the last difference goes on
  const auto difference = [&](std::size_t at) -> FrameDifference& {
    if (!is_open) found.push_back({at, {}, {}});
    is_open = true;
    return found.back();
  };
  for (std::size_t i = 0, j = 0; i < model.size() || j < other.size();) {
    if (i < model.size() && j < other.size() && model[i] == other[j]) {
      is_open = false;
      ++i, ++j;
    } else if (j == other.size() ||
               (i < model.size() && common[(i + 1) * columns + j] >= common[i * columns + j + 1])) {
      difference(i).model.push_back(model[i]);
      ++i;
    } else {
      difference(i).instead.push_back(other[j]);
      ++j;
    }
  }
  return found;
}

bool wait_alike(const StackGroup& a, const StackGroup& b) {
  if (!a.waits || !b.waits) return !a.waits && !b.waits;
  return a.waits->words == b.waits->words;
}

struct Compared {
  Numbers frames, sorted;
};

// The order in which groups become models: the largest first.
std::vector<std::size_t> by_size(const std::vector<StackGroup>& groups) {
  std::vector<std::size_t> order(std::min(groups.size(), kMostCompared));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater{},
                           [&](std::size_t i) { return groups[i].stacks.size(); });
  return order;
}

// For each group the group that is its model; for models themselves.
std::vector<std::size_t> models_of(const std::vector<StackGroup>& groups, ComparisonWork& work) {
  FrameNumbers numbers;
  std::vector<Compared> compared;
  for (std::size_t i = 0; i < std::min(groups.size(), kMostCompared); ++i) {
    Numbers frames = numbers.of(groups[i].frames), sorted = frames;
    std::ranges::sort(sorted);
    compared.push_back({std::move(frames), std::move(sorted)});
  }
  std::vector<std::size_t> model(groups.size());
  std::iota(model.begin(), model.end(), std::size_t{0});
  std::vector<std::size_t> models;
  for (const std::size_t i : by_size(groups)) {
    const auto is_like = [&](std::size_t other) {
      const std::size_t frames = std::max(groups[i].frames.size(), groups[other].frames.size());
      const std::size_t most = frames / kFramesToOneDifference;
      return most > 0 && work.done <= work.most && wait_alike(groups[i], groups[other]) &&
             may_be_near(compared[i].sorted, compared[other].sorted, most, work.done) &&
             distance(compared[i].frames, compared[other].frames, most, work.done) <= most;
    };
    if (work.done > work.most) break;
    const auto found = std::ranges::find_if(models, is_like);
    if (found != models.end())
      model[i] = *found;
    else
      models.push_back(i);
  }
  return model;
}

}  // namespace

std::vector<StackGroup> stack_groups(const std::vector<Stack>& stacks) {
  std::vector<StackGroup> groups;
  std::unordered_map<std::string, std::size_t> by_frames;
  for (std::size_t i = 0; i < stacks.size(); ++i) {
    if (stacks[i].frames.empty()) continue;
    std::vector<std::string> frames = frames_of(stacks[i]);
    const auto [at, is_new] = by_frames.try_emplace(key_of(frames), groups.size());
    if (is_new) {
      groups.push_back({{}, std::move(frames), wait_words_of(stacks[i])});
      groups.back().has_guesses = std::ranges::any_of(
          stacks[i].frames, [](const auto& f) { return f.trust == unwind::Trust::scan; });
    }
    groups[at->second].stacks.push_back(i);
  }
  for (StackGroup& group : groups) count_owners(stacks, group);
  std::ranges::stable_sort(groups, [](const StackGroup& a, const StackGroup& b) {
    const int rank_a = rank_of(a.waits), rank_b = rank_of(b.waits);
    if (rank_a != rank_b) return rank_a < rank_b;
    return rank_a == 1 ? a.stacks.size() < b.stacks.size() : a.stacks.size() > b.stacks.size();
  });
  return groups;
}

std::vector<SimilarStacks> similar_stacks(const std::vector<StackGroup>& groups) {
  ComparisonWork work;
  return similar_stacks(groups, work);
}

std::vector<SimilarStacks> similar_stacks(const std::vector<StackGroup>& groups,
                                          ComparisonWork& work) {
  const std::vector<std::size_t> models = models_of(groups, work);
  std::unordered_map<std::size_t, std::size_t> at;  // by model
  std::vector<SimilarStacks> similar;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto [found, is_new] = at.try_emplace(models[i], similar.size());
    if (is_new) similar.push_back({models[i], {}, 0});
    SimilarStacks& those = similar[found->second];
    those.stacks += groups[i].stacks.size();
    if (i != models[i])
      those.variants.push_back({i, differences_of(groups[models[i]].frames, groups[i].frames)});
  }
  for (SimilarStacks& each : similar)
    std::ranges::stable_sort(each.variants, std::greater{}, [&](const auto& variant) {
      return groups[variant.group].stacks.size();
    });
  return similar;
}

}  // namespace ntstack::analysis
