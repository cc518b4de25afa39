#include "analysis/repetitions.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "analysis/cycles.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;

constexpr std::size_t kFewestRoundsOfFunctions = 3;

// One item of a sequence in call order, and the frames that it stands for (indexes of FrameUses).
struct Hop {
  std::uint32_t item = 0;
  std::size_t oldest = 0, youngest = 0;
};

class Sequence {
 public:
  void add(const std::string& name, std::size_t frame) {
    hops_.push_back({item_of(name), frame, frame});
  }
  void extend(std::size_t frame) { hops_.back().youngest = frame; }
  void rename_last(const std::string& name) { hops_.back().item = item_of(name); }

  template <class Take>
  void for_each_cycle(const Take& take) const {
    std::vector<std::uint32_t> items;
    for (const Hop& hop : hops_) items.push_back(hop.item);
    for (const Cycle& cycle : find_cycles(items).cycles)
      take(cycle, hops_[cycle.first].oldest, hops_[cycle.end - 1].youngest);
  }
  std::vector<std::string> names_of(const std::vector<std::uint32_t>& items) const {
    std::vector<std::string> names;
    for (const std::uint32_t item : items) names.push_back(names_[item]);
    return names;
  }

 private:
  std::uint32_t item_of(const std::string& name) {
    const auto [found, is_new] =
        items_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
    if (is_new) names_.push_back(name);
    return found->second;
  }

  std::vector<Hop> hops_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> items_;
};

// A run of frames of one module is one item. nt is on every stack: of it the function that calls
// the next module counts, and what passes IRPs on does not.
Sequence modules_of(const stacks::Stack& stack, const std::vector<FrameUse>& uses) {
  Sequence sequence;
  std::string last;
  for (std::size_t i = uses.size(); i-- > 0;) {
    const Frame& frame = stack.frames[uses[i].frame];
    const bool is_nt = frame.symbol.module == "nt";
    if (frame.symbol.module.empty() || (is_nt && uses[i].overhead != Overhead::none)) continue;
    if (frame.symbol.module != last)
      sequence.add(frame.symbol.module, i);
    else
      sequence.extend(i);
    if (is_nt) sequence.rename_last(function_text(frame));
    last = frame.symbol.module;
  }
  return sequence;
}

Sequence functions_of(const stacks::Stack& stack, const std::vector<FrameUse>& uses) {
  Sequence sequence;
  for (std::size_t i = uses.size(); i-- > 0;)
    if (uses[i].overhead == Overhead::none)
      sequence.add(function_text(stack.frames[uses[i].frame]), i);
  return sequence;
}

Repetition repetition_of(const Sequence& sequence, const Cycle& cycle,
                         const std::vector<FrameUse>& uses, std::size_t oldest,
                         std::size_t youngest) {
  Repetition found;
  found.round = sequence.names_of(cycle.unit);
  found.rounds = cycle.rounds;
  found.unfinished = cycle.unfinished;
  found.is_exact = cycle.is_exact;
  found.youngest_frame = uses[youngest].frame;
  found.oldest_frame = uses[oldest].frame;
  for (std::size_t i = youngest; i <= oldest; ++i) found.bytes += uses[i].bytes;
  return found;
}

// Whether a cycle of modules says as much as one of functions.
bool says_as_much(const Repetition& modules, const Repetition& functions) {
  const bool apart = modules.oldest_frame < functions.youngest_frame ||
                     modules.youngest_frame > functions.oldest_frame;
  return !apart && functions.rounds <= modules.rounds + 1;
}

}  // namespace

std::string function_text(const Frame& frame) {
  if (frame.symbol.module.empty()) return base::hex_text(frame.ip);
  if (frame.symbol.name.empty() || frame.symbol.is_export) return frame.symbol.text();
  return frame.symbol.module + "!" + frame.symbol.name;
}

std::vector<Repetition> repetitions_of(const stacks::Stack& stack,
                                       const std::vector<FrameUse>& uses) {
  std::vector<Repetition> found;
  const Sequence modules = modules_of(stack, uses);
  modules.for_each_cycle([&](const Cycle& cycle, std::size_t oldest, std::size_t youngest) {
    found.push_back(repetition_of(modules, cycle, uses, oldest, youngest));
  });
  const std::size_t of_modules = found.size();
  const Sequence functions = functions_of(stack, uses);
  functions.for_each_cycle([&](const Cycle& cycle, std::size_t oldest, std::size_t youngest) {
    if (cycle.rounds < kFewestRoundsOfFunctions) return;
    Repetition each = repetition_of(functions, cycle, uses, oldest, youngest);
    each.of_functions = true;
    const auto end = found.begin() + static_cast<std::ptrdiff_t>(of_modules);
    if (std::any_of(found.begin(), end, [&](const auto& m) { return says_as_much(m, each); }))
      return;
    found.push_back(std::move(each));
  });
  std::ranges::stable_sort(found, std::greater<>(), &Repetition::bytes);
  return found;
}

}  // namespace ntstack::analysis
