#include "analysis/wait_diagnosis.h"

#include <fmt/format.h>

#include "base/text.h"
#include "target/facts.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

std::string threads_wait(std::size_t count) {
  return count == 1 ? "1 thread waits" : fmt::format("{} threads wait", count);
}

// "holds it", as far as that is known.
std::string_view holds(ObjectKind kind, Certainty certainty) {
  if (kind == ObjectKind::alpc_message || kind == ObjectKind::irp)
    return certainty == Certainty::fact     ? "has it"
           : certainty == Certainty::likely ? "most likely has it"
                                            : "may have it";
  return certainty == Certainty::fact     ? "holds it"
         : certainty == Certainty::likely ? "most likely holds it"
                                          : "may hold it";
}

bool ends(ObjectKind kind) { return kind == ObjectKind::thread || kind == ObjectKind::process; }

class Teller {
 public:
  Teller(const WaitGraph& graph, std::span<const Stack> stacks, bool is_64_bit)
      : graph_(graph), stacks_(stacks), is_64_bit_(is_64_bit) {}

  Diagnosis of_cycle(std::size_t index) const {
    const WaitCycle& cycle = graph_.cycles[index];
    Diagnosis told{Diagnosis::deadlock, {}, cycle.certainty, cycle.behind, {}, index};
    constexpr std::size_t most = 8;
    const std::size_t count = cycle.steps.size();
    told.sentence = count == 1 ? "deadlock: a thread waits for what it holds itself"
                               : fmt::format("deadlock: {} threads wait for each other", count);
    for (std::size_t i = 0; i < count && i < most; ++i) {
      const WaitCycle::Step& step = cycle.steps[i];
      const AwaitedObject& awaited = graph_.objects[step.object];
      told.sentence += fmt::format("{} {} waits for {}", i == 0 ? ":" : ", which",
                                   thread_of_wait(step.wait), object_text(awaited, is_64_bit_));
      tell_how(awaited, told.evidence);
    }
    if (count > most)
      told.sentence += fmt::format(", and so on over {} more", count - most);
    else if (count > 1)
      told.sentence += ", which the first holds";
    if (cycle.behind > count)
      told.sentence += fmt::format("; {} more wait behind them", cycle.behind - count);
    return told;
  }

  Diagnosis of_object(std::size_t index) const {
    const AwaitedObject& awaited = graph_.objects[index];
    Diagnosis told;
    told.kind = awaited.holders.empty() ? Diagnosis::no_holder : Diagnosis::blocker;
    told.certainty = awaited.object.certainty;
    told.behind = awaited.behind;
    told.index = index;
    told.sentence = fmt::format("{} for {}", threads_wait(awaited.waiters.size()),
                                object_text(awaited, is_64_bit_));
    if (ends(awaited.object.kind)) told.sentence += " to end";
    if (awaited.behind > awaited.waiters.size())
      told.sentence += fmt::format(" ({} with those that wait behind them)", awaited.behind);
    tell_holders(awaited, told);
    tell_how(awaited, told.evidence);
    return told;
  }

 private:
  std::string thread_of_wait(std::size_t wait) const {
    return thread_text(stacks_[graph_.waits[wait].stack], is_64_bit_);
  }

  void tell_holders(const AwaitedObject& awaited, Diagnosis& told) const {
    constexpr std::size_t most = 3;
    if (awaited.holders.empty()) {
      told.sentence += awaited.is_free                ? "; it says that nobody holds it any more"
                       : is_lock(awaited.object.kind) ? "; who holds it is not known"
                                                      : "; who is to signal it is not known";
      return;
    }
    for (std::size_t i = 0; i < awaited.holders.size() && i < most; ++i) {
      const Holder& holder = awaited.holders[i];
      told.certainty = i == 0 ? holder.certainty : at_most(told.certainty, holder.certainty);
      const std::string doing = holder.stack ? doing_text(stacks_[*holder.stack]) : std::string();
      if (ends(awaited.object.kind)) {
        if (!doing.empty()) told.sentence += "; it " + doing;
        continue;
      }
      told.sentence += fmt::format("; {} {}{}", holder_text(holder, stacks_, is_64_bit_),
                                   holds(awaited.object.kind, holder.certainty),
                                   doing.empty() ? "" : " and " + doing);
    }
    if (awaited.holders.size() > most)
      told.sentence += fmt::format("; and {} more", awaited.holders.size() - most);
  }

  void tell_how(const AwaitedObject& awaited, std::vector<std::string>& evidence) const {
    constexpr std::size_t most = 3;
    const std::string what = object_text(awaited, is_64_bit_);
    evidence.push_back(
        fmt::format("{} ({}): {}", what, name_of(awaited.object.certainty), awaited.object.how));
    if (awaited.holders.empty() && !awaited.why_no_holder.empty())
      evidence.push_back("its holder: " + awaited.why_no_holder);
    for (std::size_t i = 0; i < awaited.holders.size() && i < most; ++i)
      evidence.push_back(
          fmt::format("{} ({}): {}", holder_text(awaited.holders[i], stacks_, is_64_bit_),
                      name_of(awaited.holders[i].certainty), awaited.holders[i].how));
  }

  const WaitGraph& graph_;
  std::span<const Stack> stacks_;
  bool is_64_bit_;
};

}  // namespace

std::string_view name_of(Diagnosis::Kind kind) {
  switch (kind) {
    case Diagnosis::deadlock:
      return "deadlock";
    case Diagnosis::no_holder:
      return "no_holder";
    case Diagnosis::blocker:
      break;
  }
  return "blocker";
}

std::string object_text(const AwaitedObject& awaited, bool is_64_bit) {
  const WaitedObject& object = awaited.object;
  if (object.kind == ObjectKind::process && !awaited.holders.empty() &&
      !awaited.holders.front().what.empty())
    return awaited.holders.front().what;
  return fmt::format("the {}{} at {}", words_of(object.kind),
                     object.is_event_of_lock ? " of the event" : "",
                     base::address_text(object.address, is_64_bit));
}

std::string thread_text(const Stack& stack, bool is_64_bit) {
  std::string out = "THREAD";
  if (!stack.thread) return out + " (not known)";
  if (stack.thread->address != 0) out += " " + base::address_text(stack.thread->address, is_64_bit);
  const std::string cid =
      fmt::format("{:x}.{:x}", stack.thread->process_id.value_or(0), stack.thread->id.value_or(0));
  const std::string process =
      stack.process ? base::printable(base::file_name_of(stack.process->name)) : std::string();
  return out +
         (process.empty() ? fmt::format(" ({})", cid) : fmt::format(" ({}, {})", process, cid));
}

std::string holder_text(const Holder& holder, std::span<const Stack> stacks, bool is_64_bit) {
  if (holder.stack) return thread_text(stacks[*holder.stack], is_64_bit);
  if (!holder.what.empty()) return holder.what;
  if (holder.thread != 0)
    return fmt::format("THREAD {} (of whose stack the dump has nothing)",
                       base::address_text(holder.thread, is_64_bit));
  return fmt::format("thread {:x} (of whose stack the dump has nothing)",
                     holder.thread_id.value_or(0));
}

std::string doing_text(const Stack& stack) {
  if (stack.processor) return fmt::format("runs on processor {}", *stack.processor);
  if (const auto words = wait_words_of(stack)) return fmt::format("waits for {}", words->words);
  if (!stack.thread || !stack.thread->state || stack.thread->captured) return {};
  if (target::is_waiting(*stack.thread)) return "waits";
  const std::string_view state = target::thread_state_name(*stack.thread->state);
  return state.empty() ? std::string() : fmt::format("is in the state {}", state);
}

std::vector<Diagnosis> diagnoses_of(const WaitGraph& graph, std::span<const Stack> stacks,
                                    bool is_64_bit) {
  const Teller teller(graph, stacks, is_64_bit);
  std::vector<Diagnosis> told;
  for (std::size_t i = 0; i < graph.cycles.size(); ++i) told.push_back(teller.of_cycle(i));
  for (const std::size_t root : graph.roots) told.push_back(teller.of_object(root));
  return told;
}

}  // namespace ntstack::analysis
