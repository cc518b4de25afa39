#include "target/offsets/probe_thread.h"

#include <set>

#include "target/offsets/probe_stack_fields.h"
#include "target/offsets/probe_thread_lists.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kLeastThreads = 3;
constexpr std::uint8_t kRunning = 2, kWaiting = 5, kLastState = 9;  // KTHREAD_STATE

bool is_same_sample(const ThreadList& a, const ThreadList& b) {
  const std::set<std::uint64_t> first(a.threads.begin(), a.threads.end());
  return std::ranges::any_of(b.threads, [&](std::uint64_t each) { return first.contains(each); });
}

void set(ProbedOffset& offset, std::uint32_t value) {
  offset.fitting = {value};
  offset.value = value;
  offset.was_tested = true;
}

// The kernel's own list begins in the KPROCESS, which ends before ActiveProcessLinks, and the
// executive's after them: so it is in every Windows.
void take_lists(const std::vector<ThreadList>& lists, std::uint32_t links, ProbedThreads& probed) {
  const auto take = [&](bool is_kernel, ProbedOffset& head, ProbedOffset& entry) {
    const ThreadList* found = nullptr;
    for (const ThreadList& list : lists) {
      if ((list.head < links) != is_kernel) continue;
      if (found) return;  // two: which it is can't be told
      found = &list;
    }
    if (!found) return;
    set(head, found->head);
    set(entry, found->entry);
  };
  take(true, probed.kernel_head, probed.kernel_entry);
  take(false, probed.executive_head, probed.executive_entry);
}

std::vector<ThreadObject> sample_threads(const Evidence& evidence, const ThreadList& list,
                                         const ProbedProcesses& processes,
                                         const std::vector<RunningThread>& running) {
  std::vector<ThreadObject> threads;
  for (std::size_t i = 0; i < list.threads.size(); ++i) {
    const Object& process = processes.objects[list.owners[i]];
    ThreadObject thread;
    static_cast<Object&>(thread) = evidence.read(list.threads[i], largest_thread(evidence));
    thread.process = process.address;
    thread.is_system = list.owners[i] == 0;
    if (processes.id.value)
      thread.process_id = process.pointer(*processes.id.value, evidence.wide());
    threads.push_back(std::move(thread));
  }
  for (const RunningThread& each : running) {
    auto known = std::ranges::find(threads, each.thread, &ThreadObject::address);
    if (known == threads.end()) {
      threads.emplace_back();
      known = threads.end() - 1;
      static_cast<Object&>(*known) = evidence.read(each.thread, largest_thread(evidence));
    }
    known->prcb = each.prcb;
  }
  return threads;
}

using Threads = std::vector<ThreadObject>;

// KAPC_STATE {LIST_ENTRY ApcListHead[2]; Process}: the pointer to the process that comes after two
// lists. The one without them is the thread's own, and never changes.
void probe_process_fields(const Evidence& evidence, const Threads& threads, ProbedThreads& probed) {
  const std::uint32_t lists = 4 * evidence.word();
  const auto points = [&](const ThreadObject& thread, std::uint32_t at) {
    if (thread.process == 0) return Vote::unsure;
    return thread.pointer(at, evidence.wide()) == thread.process ? Vote::yes : Vote::no;
  };
  const auto found = fitting_offsets(threads, lists, largest_thread(evidence), evidence.word(),
                                     kLeastThreads, points);
  for (const std::uint32_t at : found) {
    Tally tally;
    for (const ThreadObject& thread : threads) {
      const std::uint64_t head = thread.address + at - lists;
      const bool fits = evidence.is_list(head) && evidence.is_list(head + lists / 2);
      tally.add(fits ? Vote::yes : Vote::no);
    }
    (tally.may_hold(threads.size()) ? probed.apc_process : probed.process).fitting.push_back(at);
  }
  probed.apc_process.was_tested = probed.process.was_tested = true;
  probed.apc_process.value = only(probed.apc_process.fitting);
  // Server 2003 has one in the KTHREAD and one in the ETHREAD; they are the same.
  if (!probed.process.fitting.empty()) probed.process.value = probed.process.fitting.front();
}

// Threads lie side by side, and the next one has the same fields: what is behind the smallest
// distance to another thread is no thread's own.
void cut_to_size(const Evidence& evidence, const ProbedThreads& probed, Threads& threads) {
  std::set<std::uint64_t> addresses;
  for (const ThreadObject& thread : threads) addresses.insert(thread.address);
  const auto is_thread = [&](std::uint64_t address) {
    if (addresses.contains(address)) return true;
    const auto process = probed.apc_process.value;
    if (!process || !evidence.has_type(address, kThreadType)) return false;
    if (!evidence.is_list(address + *process - 4 * evidence.word())) return false;  // of APCs
    return evidence.has_type(evidence.pointer(address + *process).value_or(0), kProcessType);
  };
  std::uint64_t size = largest_thread(evidence);
  for (const ThreadObject& thread : threads)
    for (std::uint64_t at = 0x100; at < size; at += 8)
      if (is_thread(thread.address + at)) size = at;
  for (ThreadObject& thread : threads)
    thread.bytes.resize(std::min<std::size_t>(thread.bytes.size(), size));
}

// CLIENT_ID: the process's ID, then the thread's, which no other thread has.
void probe_cid(const Evidence& evidence, const Threads& threads, ProbedThreads& probed) {
  for (std::uint32_t at = 0; at < largest_thread(evidence); at += evidence.word()) {
    std::set<std::uint64_t> seen;
    Tally tally;
    for (const ThreadObject& thread : threads) {
      if (!thread.process_id) continue;
      const auto id = thread.pointer(at + evidence.word(), evidence.wide());
      const bool fits = thread.pointer(at, evidence.wide()) == thread.process_id && id &&
                        evidence.is_id(*id) && seen.insert(*id).second;
      tally.add(fits ? Vote::yes : Vote::no);
      if (!tally.may_hold(threads.size())) break;
    }
    if (tally.may_hold(threads.size()) && tally.yes >= kLeastThreads)
      probed.cid.fitting.push_back(at);
  }
  probed.cid.was_tested = true;
  probed.cid.value = only(probed.cid.fitting);
}

// A page of user memory that no other thread of the process has; none of the System's have one.
void probe_teb(const Evidence& evidence, const Threads& threads, ProbedThreads& probed) {
  const auto users = std::ranges::count_if(
      threads, [](const ThreadObject& each) { return each.process != 0 && !each.is_system; });
  for (std::uint32_t at = 0; at < largest_thread(evidence); at += evidence.word()) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
    Tally tally;
    for (const ThreadObject& thread : threads) {
      if (thread.process == 0) continue;
      const auto value = thread.pointer(at, evidence.wide());
      if (value == 0) continue;
      const bool fits = value && !thread.is_system && *value % 0x1000 == 0 &&
                        evidence.is_user(*value) && seen.emplace(thread.process, *value).second;
      tally.add(fits ? Vote::yes : Vote::no);
      if (!tally.may_hold(threads.size())) break;
    }
    if (tally.may_hold(threads.size()) && tally.yes >= kLeastThreads &&
        tally.yes * 4 >= static_cast<std::size_t>(users) * 3)
      probed.teb.fitting.push_back(at);
  }
  probed.teb.was_tested = users >= 4;
  probed.teb.value = only(probed.teb.fitting);
}

// KTHREAD.State: Running in those that processors are in, Waiting in most others.
void probe_state(const Evidence& evidence, const Threads& threads, ProbedThreads& probed) {
  std::size_t running = 0;
  for (const ThreadObject& thread : threads) running += thread.prcb != 0;
  const std::size_t others = threads.size() - running;
  if (running == 0 || others < 4) return;
  probed.state.fitting = fitting_offsets(
      threads, 8, largest_thread(evidence), 1, 1, [](const ThreadObject& thread, std::uint32_t at) {
        const auto state = thread.byte(at);
        if (!state || *state > kLastState) return Vote::no;
        return (thread.prcb != 0) == (*state == kRunning) ? Vote::yes : Vote::no;
      });
  std::erase_if(probed.state.fitting, [&](std::uint32_t at) {
    std::size_t ran = 0, waiting = 0;
    for (const ThreadObject& thread : threads) {
      ran += thread.prcb != 0 && thread.byte(at) == kRunning;
      waiting += thread.byte(at) == kWaiting;
    }
    return ran == 0 || waiting * 4 < others * 3;
  });
  probed.state.was_tested = true;
  probed.state.value = only(probed.state.fitting);
}

// Code in an image for the System's threads, and not the same in all of them (an APC's routines
// are); code of their own for those of other processes. StartAddress comes first.
void probe_start_addresses(const Evidence& evidence, const Threads& threads,
                           ProbedThreads& probed) {
  const std::vector<std::uint32_t> found = fitting_offsets(
      threads, 8, largest_thread(evidence), evidence.word(), 8,
      [&](const ThreadObject& thread, std::uint32_t at) {
        if (thread.process == 0) return Vote::unsure;
        const auto value = thread.pointer(at, evidence.wide());
        if (!value) return Vote::no;
        if (thread.is_system) return evidence.is_in_image(*value) ? Vote::yes : Vote::no;
        return evidence.is_user(*value) && *value % 0x1000 != 0 ? Vote::yes : Vote::no;
      });
  std::vector<std::uint32_t> varied;
  for (const std::uint32_t at : found) {
    std::set<std::uint64_t> values;
    std::size_t users = 0;
    for (const ThreadObject& thread : threads) {
      if (thread.is_system) values.insert(thread.pointer(at, evidence.wide()).value_or(0));
      users += thread.process != 0 && !thread.is_system;
    }
    if (values.size() >= 3 && users >= 3) varied.push_back(at);
  }
  if (varied.empty() || varied.size() > 2) return;
  set(probed.start_address, varied.front());
  if (varied.size() == 2) set(probed.win32_start_address, varied.back());
}

}  // namespace

ProbedThreads probe_threads(const Evidence& evidence, const ProbedProcesses& processes,
                            const std::vector<RunningThread>& running) {
  ProbedThreads probed;
  if (!processes.links.value) return probed;
  std::vector<std::uint64_t> current;
  for (const RunningThread& each : running) current.push_back(each.thread);
  std::vector<ThreadList> lists = probe_thread_lists(evidence, processes.objects, current);
  // Two that lead to different objects: one of them is no list of threads.
  if (lists.empty()) return probed;
  for (const ThreadList& list : lists)
    if (!is_same_sample(lists.front(), list)) return probed;
  take_lists(lists, *processes.links.value, probed);
  Threads threads = sample_threads(evidence, lists.front(), processes, running);
  if (threads.size() < kLeastThreads) return probed;
  probe_process_fields(evidence, threads, probed);
  cut_to_size(evidence, probed, threads);
  probe_stack_fields(evidence, threads, probed);
  if (processes.id.value) probe_cid(evidence, threads, probed);
  probe_teb(evidence, threads, probed);
  probe_state(evidence, threads, probed);
  probe_start_addresses(evidence, threads, probed);
  return probed;
}

}  // namespace ntstack::target
