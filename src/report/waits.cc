#include "report/waits.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/wait_diagnosis.h"
#include "base/text.h"
#include "report/wrap.h"

namespace ntstack::report {
namespace {

using analysis::AwaitedObject;
using analysis::Diagnosis;
using analysis::Holder;
using analysis::Wait;
using analysis::WaitGraph;
using stacks::Stack;

constexpr std::size_t kMostDiagnoses = 10, kMostChains = 10, kMostWaiters = 4, kMostWaits = 40;
constexpr std::size_t kMostDepth = 12, kMostLines = 400;

std::string title(std::string_view text, const TextStyle& style) {
  return style.colour ? fmt::format("\n\x1b[1m{}\x1b[0m\n", text) : fmt::format("\n{}\n", text);
}

std::string diagnosis_text(const std::vector<Diagnosis>& told, std::size_t most,
                           bool with_evidence) {
  std::string out;
  for (std::size_t i = 0; i < told.size() && i < most; ++i) {
    out += wrapped(fmt::format("[{}] {}.", analysis::name_of(told[i].certainty),
                               base::printable(told[i].sentence)),
                   fmt::format("{:>3}. ", i + 1));
    if (!with_evidence) continue;
    for (const std::string& each : told[i].evidence)
      out += wrapped(base::printable(each), "       ");
  }
  if (told.size() > most) out += fmt::format("     and {} more\n", told.size() - most);
  return out;
}

// The graph as trees: an object, who holds it, who waits for it and what these hold in turn.
class Tree {
 public:
  Tree(const WaitGraph& graph, std::span<const Stack> stacks, bool is_64_bit, bool is_verbose)
      : graph_(graph),
        stacks_(stacks),
        is_64_bit_(is_64_bit),
        most_(is_verbose ? SIZE_MAX : kMostWaiters),
        most_lines_(is_verbose ? SIZE_MAX : kMostLines),
        shown_(graph.objects.size()) {}

  std::string of(std::size_t root) {
    std::string out;
    // An object, or a thread that waits, with how deep it stands.
    struct Open {
      std::size_t index;
      bool is_object;
      std::size_t depth;
    };
    std::vector<Open> open = {{root, true, 0}};
    while (!open.empty()) {
      const Open at = open.back();
      open.pop_back();
      if (lines_ >= most_lines_) return out + "  ... (more with -v)\n";
      const std::string indent(2 + 2 * at.depth, ' ');
      if (!at.is_object) {
        out += indent + waiter_line(at.index);
        const std::vector<std::size_t>& holds = graph_.holds[graph_.waits[at.index].stack];
        if (at.depth >= kMostDepth && !holds.empty())
          out += indent + "  ... it holds what others wait for (--json has it)\n";
        else
          for (const std::size_t held : holds | reversed)
            open.push_back({held, true, at.depth + 1});
        continue;
      }
      const bool is_shown = shown_[at.index];
      shown_[at.index] = true;
      out += object_lines(at.index, indent, is_shown);
      if (is_shown) continue;
      const std::vector<std::size_t> waiters = waiters_of(at.index);
      const std::size_t shown = std::min(waiters.size(), most_);
      if (waiters.size() > shown)
        out += fmt::format("{}  {} threads wait for it, among them\n", indent, waiters.size());
      for (std::size_t i = shown; i-- > 0;) open.push_back({waiters[i], false, at.depth + 1});
    }
    return out;
  }

 private:
  struct Reversed {
    friend std::vector<std::size_t> operator|(const std::vector<std::size_t>& of, Reversed) {
      return {of.rbegin(), of.rend()};
    }
  };
  static constexpr Reversed reversed{};

  // Those that hold something that others wait for come first.
  std::vector<std::size_t> waiters_of(std::size_t object) const {
    std::vector<std::size_t> waiters = graph_.objects[object].waiters;
    std::ranges::stable_sort(waiters, [&](std::size_t a, std::size_t b) {
      return graph_.holds[graph_.waits[a].stack].size() >
             graph_.holds[graph_.waits[b].stack].size();
    });
    return waiters;
  }

  std::string object_lines(std::size_t index, const std::string& indent, bool is_shown) {
    const AwaitedObject& awaited = graph_.objects[index];
    ++lines_;
    std::string out = fmt::format("{}{} ({}){}, {} behind{}\n", indent,
                                  analysis::object_text(awaited, is_64_bit_),
                                  analysis::name_of(awaited.object.certainty),
                                  awaited.object.type.empty() ? "" : ", " + awaited.object.type,
                                  awaited.behind, is_shown ? ": see above" : "");
    if (is_shown) return out;
    for (const Holder& holder : awaited.holders) {
      ++lines_;
      const std::string doing =
          holder.stack ? analysis::doing_text(stacks_[*holder.stack]) : std::string();
      out += fmt::format("{}  held by {} ({}){}\n", indent,
                         base::printable(analysis::holder_text(holder, stacks_, is_64_bit_)),
                         analysis::name_of(holder.certainty), doing.empty() ? "" : ": " + doing);
    }
    if (awaited.holders.empty())
      out += fmt::format(
          "{}  {}{}\n", indent, awaited.is_free ? "held by nobody" : "holder not known",
          awaited.why_no_holder.empty() ? "" : ": " + base::printable(awaited.why_no_holder));
    return out;
  }

  std::string waiter_line(std::size_t wait) {
    ++lines_;
    const Wait& of = graph_.waits[wait];
    return fmt::format("{}{}\n", analysis::thread_text(stacks_[of.stack], is_64_bit_),
                       of.words ? fmt::format(": waits for {}", of.words->words) : std::string());
  }

  const WaitGraph& graph_;
  std::span<const Stack> stacks_;
  bool is_64_bit_;
  std::size_t most_, most_lines_, lines_ = 0;
  std::vector<bool> shown_;
};

std::string wait_object_line(const analysis::WaitedObject& object, bool is_64_bit) {
  return fmt::format("{} {}{} ({}): {}", base::address_text(object.address, is_64_bit),
                     object.is_event_of_lock ? "event of a " : "", analysis::words_of(object.kind),
                     analysis::name_of(object.certainty), base::printable(object.how));
}

std::string wait_text(const Wait& wait, std::span<const Stack> stacks, bool is_64_bit) {
  const Stack& stack = stacks[wait.stack];
  std::string out = "  " + thread_line(stack, is_64_bit) + "\n";
  if (wait.words)
    out += fmt::format("    for {}, by {} (frame {:02x})\n", wait.words->words,
                       base::printable(stack.frames[wait.words->frame].symbol.text()),
                       wait.words->frame);
  if (wait.meant) out += wrapped(wait_object_line(*wait.meant, is_64_bit), "    ");
  for (const analysis::WaitedObject& block : wait.blocks) {
    if (wait.meant && wait.meant->is_event_of_lock) break;
    out += fmt::format("    wait block: {} {}\n", base::address_text(block.address, is_64_bit),
                       block.type.empty() ? "(not in the dump)" : block.type);
  }
  if (!wait.words && !wait.meant && wait.blocks.empty()) out += "    what for is not known\n";
  return out;
}

bool is_for_work(const Wait& wait) {
  return wait.words && wait.words->kind == analysis::WaitKind::idle;
}

std::string list_text(const WaitGraph& graph, std::span<const Stack> stacks, bool is_64_bit,
                      bool is_verbose) {
  std::string out;
  std::size_t shown = 0, left_out = 0, for_work = 0;
  for (const Wait& wait : graph.waits) {
    if (!is_verbose && is_for_work(wait)) {
      ++for_work;
      continue;
    }
    if (!is_verbose && shown == kMostWaits) {
      ++left_out;
      continue;
    }
    ++shown;
    out += wait_text(wait, stacks, is_64_bit);
  }
  if (left_out != 0) out += fmt::format("  and {} more (-v lists all)\n", left_out);
  if (for_work != 0)
    out += fmt::format("  {} more wait for work or time (-v lists them)\n", for_work);
  return out;
}

std::vector<std::size_t> chains_of(const WaitGraph& graph) {
  std::vector<std::size_t> starts;
  for (const analysis::WaitCycle& cycle : graph.cycles)
    starts.push_back(cycle.steps.front().object);
  starts.insert(starts.end(), graph.roots.begin(), graph.roots.end());
  return starts;
}

}  // namespace

std::string waits_text(const StackFacts& facts, const WaitGraph& graph, const TextStyle& style,
                       bool is_verbose) {
  const bool is_64_bit = facts.of.machine.is_64_bit();
  std::string out = heading_text(facts.of);
  for (const DumpFacts& other : facts.more) out += heading_text(other);
  const auto told = analysis::diagnoses_of(graph, facts.stacks, is_64_bit);
  out += title("WHO HOLDS UP WHOM", style);
  if (told.empty())
    out += wrapped(fmt::format("{} of {} threads wait; nobody is known to wait for what another "
                               "thread has.",
                               graph.waits.size(), facts.stacks.size()),
                   "  ");
  out += diagnosis_text(told, is_verbose ? SIZE_MAX : kMostDiagnoses, true);
  if (graph.is_cut) out += "  note: there was more than was looked at: counts are lower bounds\n";
  const auto starts = chains_of(graph);
  if (!starts.empty()) {
    out += title("CHAINS", style);
    Tree tree(graph, facts.stacks, is_64_bit, is_verbose);
    const std::size_t most = is_verbose ? starts.size() : std::min(starts.size(), kMostChains);
    for (std::size_t i = 0; i < most; ++i) out += tree.of(starts[i]);
    if (starts.size() > most) out += fmt::format("  and {} more\n", starts.size() - most);
  }
  out += title("WAITS", style);
  if (graph.waits.empty()) out += "  no thread is known to wait\n";
  out += list_text(graph, facts.stacks, is_64_bit, is_verbose);
  for (const std::string& note : facts.notes) out += wrapped(base::printable(note), "note: ");
  return out;
}

std::string waits_summary_text(const WaitGraph& graph, std::span<const Stack> stacks,
                               bool is_64_bit, const TextStyle& style, bool is_verbose) {
  constexpr std::size_t most = 4;
  const auto told = analysis::diagnoses_of(graph, stacks, is_64_bit);
  if (told.empty()) return {};
  return title("WHO HOLDS UP WHOM", style) +
         diagnosis_text(told, is_verbose ? SIZE_MAX : most, is_verbose) +
         wrapped("ntstack waits DUMP has the chains, and how each is known.", "  ");
}

}  // namespace ntstack::report
