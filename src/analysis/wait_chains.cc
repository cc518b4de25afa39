// wait_graph_of: the waits of all stacks, their objects told apart, and who has them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_set>

#include "analysis/blame_skips.h"
#include "analysis/signature.h"
#include "analysis/stack_search.h"
#include "analysis/wait_graph.h"

namespace ntstack::analysis {
namespace {

using stacks::Stack;

constexpr std::size_t kMostHits = 8;  // stacks that have an address: of more, none is a hint

class Chains {
 public:
  Chains(std::span<const Stack> stacks, std::span<const WaitSource> sources,
         const std::function<bool()>& is_stopped)
      : stacks_(stacks), sources_(sources), is_stopped_(is_stopped) {}

  WaitGraph make() {
    read_waits();
    know_locks_by_their_events();
    name_objects();
    find_threads();
    read_owners();
    search_stacks();
    join_waits(graph_, stacks_.size());
    return std::move(graph_);
  }

 private:
  // An object: its machine, its process (0: the kernel) and its address; an event of a lock is not
  // the lock.
  using Key = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t, bool>;

  bool is_stopped() {
    if (is_stopped_ && is_stopped_()) graph_.is_cut = true;
    return graph_.is_cut;
  }
  WaitReader* reader_of(const Stack& stack) const {
    return stack.dump < sources_.size() ? sources_[stack.dump].reader : nullptr;
  }
  std::uint32_t machine_of(const Stack& stack) const { return sources_[stack.dump].machine; }
  Key key_of(const Wait& wait, const WaitedObject& object) const {
    return {machine_of(stacks_[wait.stack]), object.process, object.address,
            object.is_event_of_lock};
  }

  void read_waits() {
    for (std::size_t i = 0; i < stacks_.size() && !is_stopped(); ++i) {
      WaitReader* reader = reader_of(stacks_[i]);
      auto wait = reader ? reader->wait_of(stacks_[i]) : std::nullopt;
      if (!wait) continue;
      wait->stack = i;
      graph_.waits.push_back(std::move(*wait));
    }
  }

  // Where one waiter's lock is known, and another waits for the same event for such a lock.
  void know_locks_by_their_events() {
    std::map<Key, const WaitedObject*> locks;
    for (const Wait& wait : graph_.waits)
      if (wait.meant && !wait.meant->is_event_of_lock && wait.blocks.size() == 1 &&
          is_lock(wait.meant->kind))
        locks.try_emplace(key_of(wait, wait.blocks.front()), &*wait.meant);
    for (Wait& wait : graph_.waits) {
      if (!wait.meant || !wait.meant->is_event_of_lock) continue;
      const auto known = locks.find(key_of(wait, wait.blocks.front()));
      if (known == locks.end() || known->second->kind != wait.meant->kind) continue;
      WaitedObject lock = *known->second;
      lock.certainty = at_most(lock.certainty, Certainty::likely);
      lock.how = "it waits for the same event as others that wait for it";
      wait.meant = std::move(lock);
    }
  }

  void name_objects() {
    std::map<Key, std::size_t> known;
    graph_.waits_for.resize(graph_.waits.size());
    for (std::size_t i = 0; i < graph_.waits.size(); ++i) {
      const Wait& wait = graph_.waits[i];
      const auto add = [&](const WaitedObject& object) {
        const auto [at, is_new] = known.try_emplace(key_of(wait, object), graph_.objects.size());
        if (is_new) graph_.objects.emplace_back().object = object;
        AwaitedObject& awaited = graph_.objects[at->second];
        if (object.certainty > awaited.object.certainty) awaited.object = object;
        if (!awaited.object.container) awaited.object.container = object.container;
        if (std::ranges::find(graph_.waits_for[i], at->second) != graph_.waits_for[i].end()) return;
        awaited.waiters.push_back(i);
        graph_.waits_for[i].push_back(at->second);
      };
      if (wait.meant)
        add(*wait.meant);
      else
        for (const WaitedObject& block : wait.blocks) add(block);
    }
  }

  void find_threads() {
    for (std::size_t i = 0; i < stacks_.size(); ++i) {
      const target::Thread* thread = stacks_[i].thread;
      if (!thread || !reader_of(stacks_[i])) continue;
      const std::uint32_t machine = machine_of(stacks_[i]);
      if (thread->address != 0) by_address_.try_emplace({machine, thread->address}, i);
      if (thread->id) by_id_.try_emplace({machine, thread->process_id.value_or(0), *thread->id}, i);
    }
  }

  void place(Holder& holder, const Stack& waiter) const {
    const std::uint32_t machine = machine_of(waiter);
    if (holder.thread != 0) {
      const auto found = by_address_.find({machine, holder.thread});
      if (found != by_address_.end()) holder.stack = found->second;
    } else if (holder.thread_id && waiter.thread) {
      const auto found =
          by_id_.find({machine, waiter.thread->process_id.value_or(0), *holder.thread_id});
      if (found != by_id_.end()) holder.stack = found->second;
    }
  }

  void read_owners() {
    for (AwaitedObject& awaited : graph_.objects) {
      if (is_stopped()) return;
      const Stack& waiter = stacks_[graph_.waits[awaited.waiters.front()].stack];
      Ownership ownership = owners_of(*reader_of(waiter), awaited.object, waiter);
      awaited.holders = std::move(ownership.holders);
      awaited.why_no_holder = std::move(ownership.why_not_known);
      awaited.is_free = ownership.is_free;
      for (Holder& holder : awaited.holders) place(holder, waiter);
    }
  }

  static bool is_searched(const AwaitedObject& awaited) {
    return awaited.holders.empty() && !awaited.is_free && !awaited.object.is_event_of_lock &&
           is_lock(awaited.object.kind) && !is_of_user_mode(awaited.object.kind) &&
           awaited.object.process == 0;
  }

  void search_stacks() {
    std::map<std::uint32_t, StackSearch> searches;  // by machine
    for (const AwaitedObject& awaited : graph_.objects) {
      if (!is_searched(awaited)) continue;
      const Stack& waiter = stacks_[graph_.waits[awaited.waiters.front()].stack];
      const bool wide = reader_of(waiter)->view().is_64_bit();
      StackSearch& search = searches.try_emplace(machine_of(waiter), wide).first->second;
      search.look_for(awaited.object.address);
      if (awaited.object.container) search.look_for(*awaited.object.container);
    }
    if (searches.empty()) return;
    for (std::size_t i = 0; i < stacks_.size() && !is_stopped(); ++i) {
      const WaitReader* reader = reader_of(stacks_[i]);
      const auto search = reader ? searches.find(machine_of(stacks_[i])) : searches.end();
      if (search != searches.end()) search->second.look_in(stacks_[i], i, reader->view().memory());
    }
    for (AwaitedObject& awaited : graph_.objects) {
      if (!is_searched(awaited)) continue;
      const std::size_t first = graph_.waits[awaited.waiters.front()].stack;
      take_hits(awaited, searches.at(machine_of(stacks_[first])));
    }
  }

  // It is in a function that takes the lock: it runs to wait for it, or was about to.
  bool asks_for(const Stack& stack, const WaitedObject& object) const {
    const auto words = wait_words_of(stack);
    if (!words || words->object != object.kind) return false;
    const auto asked = reader_of(stack)->argument_of(stack, object.kind);
    return asked && asked->address == object.address;
  }

  std::vector<StackHit> hits_of_others(const AwaitedObject& awaited,
                                       std::span<const StackHit> hits) const {
    std::unordered_set<std::size_t> waiting;
    for (const std::size_t wait : awaited.waiters) waiting.insert(graph_.waits[wait].stack);
    std::vector<StackHit> found;
    for (const StackHit& hit : hits)
      if (!waiting.contains(hit.stack) && !asks_for(stacks_[hit.stack], awaited.object))
        found.push_back(hit);
    return found;
  }

  // The youngest function of a stack that a waiter's stack has below its wait: who both are in.
  std::string common_function(const AwaitedObject& awaited, std::size_t stack) const {
    const Stack& waiter = stacks_[graph_.waits[awaited.waiters.front()].stack];
    std::unordered_set<std::string> functions;
    for (const stacks::Frame& frame : waiter.frames)
      if (!frame.is_user && passed_over(frame).as != Passed::machinery &&
          passed_over(frame).as != Passed::kernel)
        functions.insert(normalised(frame));
    for (const stacks::Frame& frame : stacks_[stack].frames)
      if (const std::string name = normalised(frame); !frame.is_user && functions.contains(name))
        return name;
    return {};
  }

  void take_hits(AwaitedObject& awaited, const StackSearch& search) {
    std::vector<StackHit> hits = hits_of_others(awaited, search.hits(awaited.object.address));
    bool is_of_whole = false;
    if (hits.empty() && awaited.object.container) {
      hits = hits_of_others(awaited, search.hits(*awaited.object.container));
      is_of_whole = true;
    }
    if (hits.size() > kMostHits) {
      awaited.why_no_holder += fmt::format(
          "; {} other stacks have {}", hits.size(),
          is_of_whole ? "the address of the structure that it belongs to" : "its address");
      return;
    }
    std::vector<std::string> common;
    for (const StackHit& hit : hits) common.push_back(common_function(awaited, hit.stack));
    const auto with_common = static_cast<std::size_t>(
        std::ranges::count_if(common, [](const std::string& name) { return !name.empty(); }));
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const bool is_alone = hits.size() == 1 || (with_common == 1 && !common[i].empty());
      add_hit(awaited, hits[i], common[i], is_alone, is_of_whole);
    }
  }

  void add_hit(AwaitedObject& awaited, const StackHit& hit, const std::string& common,
               bool is_alone, bool is_of_whole) const {
    const Stack& stack = stacks_[hit.stack];
    Holder holder;
    holder.thread = stack.thread ? stack.thread->address : 0;
    holder.stack = hit.stack;
    holder.certainty =
        at_most(is_alone ? Certainty::likely : Certainty::possible, awaited.object.certainty);
    holder.how = fmt::format(
        "{} in its stack, at {}, and it does not wait for {}",
        is_of_whole ? "the address of the structure that it belongs to lies" : "its address lies",
        stack.frames[hit.frame].symbol.text(), "it");
    if (!common.empty()) holder.how += fmt::format("; both are in {}", common);
    if (!is_alone) holder.how += "; so it is with others";
    awaited.holders.push_back(std::move(holder));
  }

  std::span<const Stack> stacks_;
  std::span<const WaitSource> sources_;
  const std::function<bool()>& is_stopped_;
  WaitGraph graph_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t> by_address_;
  std::map<std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>, std::size_t> by_id_;
};

}  // namespace

WaitGraph wait_graph_of(std::span<const Stack> stacks, std::span<const WaitSource> sources,
                        const std::function<bool()>& is_stopped) {
  return Chains(stacks, sources, is_stopped).make();
}

}  // namespace ntstack::analysis
