#include "target/offsets/probe_thread_lists.h"

#include <set>

namespace ntstack::target {
namespace {

constexpr std::size_t kMostOfAProcess = 8, kMostThreads = 96, kLeastThreads = 3;

// ETHREADs are up to 910h bytes (ARM64); 4e0h on x86.
std::uint32_t largest_thread(const Evidence& evidence) { return evidence.wide() ? 0xc00 : 0x600; }

struct Entries {
  std::vector<std::uint64_t> at;
  std::vector<std::size_t> owners;
};

// The first entries of the list at `head`; nothing where it is none.
std::optional<std::vector<std::uint64_t>> first_entries(const Evidence& evidence,
                                                        std::uint64_t head) {
  std::vector<std::uint64_t> entries;
  std::uint64_t at = head;
  while (entries.size() < kMostOfAProcess) {
    const auto next = evidence.pointer(at);
    if (!next || !evidence.is_kernel(*next)) return std::nullopt;
    if (evidence.pointer(*next + evidence.word()) != at) return std::nullopt;
    if (*next == head) break;
    entries.push_back(*next);
    at = *next;
  }
  return entries;
}

// Where most processes have a list at `head`: entries of several. An empty list is one.
Entries entries_of_lists(const Evidence& evidence, const std::vector<Object>& processes,
                         std::uint32_t head) {
  Entries found;
  Tally tally;
  for (std::size_t i = 0; i < processes.size() && found.at.size() < kMostThreads; ++i) {
    const auto first = processes[i].pointer(head, evidence.wide());
    const bool may_be = first && evidence.is_kernel(*first);
    const auto entries =
        may_be ? first_entries(evidence, processes[i].address + head) : std::nullopt;
    // A list that is broken is no reason to think that the others are none.
    tally.add(entries ? Vote::yes : Vote::no);
    if (tally.no > 1 + processes.size() / 8) return {};
    if (!entries) continue;
    for (const std::uint64_t entry : *entries) {
      found.at.push_back(entry);
      found.owners.push_back(i);
    }
  }
  return found;
}

// True where every thread has its process's address at one same place.
bool point_back(const Evidence& evidence, const std::vector<Object>& processes,
                const ThreadList& list) {
  std::vector<Object> threads;
  for (const std::uint64_t thread : list.threads)
    threads.push_back(evidence.read(thread, largest_thread(evidence)));
  const auto vote = [&](const Object& thread, std::uint32_t at) {
    const auto owner = list.owners[static_cast<std::size_t>(&thread - threads.data())];
    return thread.pointer(at, evidence.wide()) == processes[owner].address ? Vote::yes : Vote::no;
  };
  return !fitting_offsets(threads, 0, largest_thread(evidence), evidence.word(), kLeastThreads,
                          vote)
              .empty();
}

ThreadList list_of(const Entries& entries, std::uint32_t head, std::uint32_t entry) {
  ThreadList list{head, entry, {}, entries.owners};
  for (const std::uint64_t at : entries.at) list.threads.push_back(at - entry);
  return list;
}

// Which of several places of an entry in its thread is right. Where threads have wait lists of
// their own, all are threads, and an entry lies in the one that begins nearest below it; else those
// that run are among them.
std::optional<std::uint32_t> entry_of(const Evidence& evidence, const Entries& entries,
                                      const std::vector<std::uint64_t>& running) {
  const std::vector<std::uint32_t> fitting =
      fitting_offsets(entries.at, 6 * evidence.word(), largest_thread(evidence), evidence.word(),
                      kLeastThreads, [&](std::uint64_t entry, std::uint32_t at) {
                        return evidence.has_type(entry - at, kThreadType) ? Vote::yes : Vote::no;
                      });
  if (fitting.size() < 2 || fitting.size() > 32) return only(fitting);
  for (const std::uint32_t at : fitting)
    if (std::ranges::all_of(entries.at,
                            [&](std::uint64_t e) { return evidence.has_wait_list(e - at); }))
      return at;
  std::vector<std::uint32_t> left;
  std::ranges::copy_if(fitting, std::back_inserter(left), [&](std::uint32_t at) {
    return std::ranges::any_of(entries.at, [&](std::uint64_t e) {
      return std::ranges::find(running, e - at) != running.end();
    });
  });
  return only(left);
}

}  // namespace

std::vector<ThreadList> probe_thread_lists(const Evidence& evidence,
                                           const std::vector<Object>& processes,
                                           const std::vector<std::uint64_t>& running) {
  std::vector<ThreadList> lists;
  if (processes.empty()) return lists;
  const auto size = static_cast<std::uint32_t>(processes.front().bytes.size());
  // After the header: who waits for the process is listed there.
  for (std::uint32_t head = 8 + 2 * evidence.word(); head < size; head += evidence.word()) {
    const Entries entries = entries_of_lists(evidence, processes, head);
    if (entries.at.size() < kLeastThreads) continue;
    const auto entry = entry_of(evidence, entries, running);
    if (!entry) continue;
    ThreadList list = list_of(entries, head, *entry);
    if (point_back(evidence, processes, list)) lists.push_back(std::move(list));
  }
  return lists;
}

}  // namespace ntstack::target
