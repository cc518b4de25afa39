#include "target/offsets/probe_process.h"

#include <cctype>
#include <set>
#include <string_view>

#include "target/list.h"

namespace ntstack::target {
namespace {

constexpr std::size_t kSample = 48, kLeastObjects = 3, kMostListed = 0x1000;
constexpr std::uint64_t kSystemId = 4;

// The object's size, at most, in all that is known of Windows (EPROCESS of 11: b80h, c80h on
// ARM64; 4e0h to 500h on x86).
std::uint32_t largest_process(const Evidence& evidence) { return evidence.wide() ? 0x1000 : 0x600; }

// The first entry and others from all over the list; the first is the System process's where the
// list could be followed from its beginning.
std::vector<std::uint64_t> sample_of_list(const Evidence& evidence) {
  const std::uint64_t head = evidence.start().process_head;
  const auto first = head == 0 ? std::nullopt : evidence.pointer(head);
  if (!first || !evidence.is_kernel(*first)) return {};
  const ListWalk list = walk_list(evidence.start().memory, head, evidence.wide(), kMostListed);
  if (list.entries.empty() || list.entries.front() != *first) return {};
  std::vector<std::uint64_t> sample;
  const std::size_t step = (list.entries.size() + kSample - 1) / kSample;
  for (std::size_t i = 0; i < list.entries.size(); i += step) sample.push_back(list.entries[i]);
  return sample;
}

bool points_to_one_of(const Evidence& evidence, const std::vector<std::uint64_t>& threads,
                      const std::set<std::uint64_t>& processes) {
  for (const std::uint64_t thread : threads) {
    const Object object = evidence.read(thread, 0x400);
    for (std::uint32_t at = 0; at < 0x400; at += evidence.word())
      if (const auto value = object.pointer(at, evidence.wide());
          value && processes.contains(*value))
        return true;
  }
  return false;
}

// How far into its process an entry of PsActiveProcessHead lies.
ProbedOffset probe_links(const Evidence& evidence, const std::vector<std::uint64_t>& entries,
                         const std::vector<std::uint64_t>& threads) {
  ProbedOffset links;
  links.was_tested = entries.size() >= kLeastObjects;
  if (!links.was_tested) return links;
  links.fitting =
      fitting_offsets(entries, 6 * evidence.word(), largest_process(evidence), evidence.word(),
                      kLeastObjects, [&](std::uint64_t entry, std::uint32_t at) {
                        return evidence.has_type(entry - at, kProcessType) ? Vote::yes : Vote::no;
                      });
  links.value = only(links.fitting);
  if (links.value || links.fitting.size() > 32) return links;
  // What else an object has: a wait list (of several objects, an entry lies in the one that begins
  // nearest below it), and threads that run in it.
  for (const std::uint32_t at : links.fitting) {
    if (!std::ranges::all_of(entries,
                             [&](std::uint64_t e) { return evidence.has_wait_list(e - at); }))
      continue;
    links.value = at;
    return links;
  }
  std::vector<std::uint32_t> left;
  std::ranges::copy_if(links.fitting, std::back_inserter(left), [&](std::uint32_t at) {
    std::set<std::uint64_t> processes;
    for (const std::uint64_t entry : entries) processes.insert(entry - at);
    return points_to_one_of(evidence, threads, processes);
  });
  links.value = only(left);
  return links;
}

// An ID right before the links, as every Windows has it, else the only field like one.
ProbedOffset probe_id(const Evidence& evidence, const std::vector<Object>& objects,
                      std::uint32_t links) {
  ProbedOffset id;
  id.was_tested = true;
  for (std::uint32_t at = 0; at < largest_process(evidence); at += evidence.word()) {
    std::set<std::uint64_t> seen;
    const bool fits = std::ranges::all_of(objects, [&](const Object& object) {
      const auto value = object.pointer(at, evidence.wide());
      return value && evidence.is_id(*value) && seen.insert(*value).second;
    });
    if (fits && objects.front().pointer(at, evidence.wide()) == kSystemId) id.fitting.push_back(at);
  }
  id.value = only(id.fitting);
  if (!id.value && links >= evidence.word() &&
      std::ranges::binary_search(id.fitting, links - evidence.word()))
    id.value = links - evidence.word();
  return id;
}

// How large an object can be at most: no two overlap, and the next one has the same fields.
std::uint64_t largest_apart(std::vector<std::uint64_t> entries, std::uint64_t most) {
  std::ranges::sort(entries);
  for (std::size_t i = 1; i < entries.size(); ++i)
    most = std::min(most, entries[i] - entries[i - 1]);
  return most;
}

// Text of an ImageFileName: 1 to 15 printable characters, then a zero.
bool is_name(const Object& object, std::uint32_t at) {
  for (std::uint32_t i = 0; i < 16; ++i) {
    const auto byte = object.byte(at + i);
    if (!byte) return false;
    if (*byte == 0) return i > 0;
    if (*byte < 0x20 || *byte == 0x7f) return false;
  }
  return false;
}

ProbedOffset probe_name(const Evidence& evidence, const std::vector<Object>& objects) {
  ProbedOffset name;
  name.was_tested = true;
  const base::Bytes first{std::span(objects.front().bytes)};
  const base::Bytes text(std::as_bytes(std::span("System")));  // with its zero
  for (std::uint32_t at = 0; at < largest_process(evidence); ++at) {
    const auto here = first.slice(at, text.size());
    if (!here || !std::ranges::equal(here->span(), text.span())) continue;
    Tally tally;
    for (const Object& object : objects) tally.add(is_name(object, at) ? Vote::yes : Vote::no);
    if (tally.may_hold(objects.size())) name.fitting.push_back(at);
  }
  name.value = only(name.fitting);
  return name;
}

// Of processes but the System: another's ID in most, never its own.
ProbedOffset probe_parent(const Evidence& evidence, const std::vector<Object>& objects,
                          std::uint32_t id_at) {
  std::set<std::uint64_t> ids;
  for (const Object& object : objects) ids.insert(*object.pointer(id_at, evidence.wide()));
  ProbedOffset parent;
  parent.was_tested = true;
  parent.fitting = fitting_offsets(
      objects, id_at + evidence.word(), largest_process(evidence), evidence.word(),
      objects.size() - 1 - objects.size() / 16, [&](const Object& object, std::uint32_t at) {
        const auto value = object.pointer(at, evidence.wide());
        if (!value) return Vote::no;
        const auto own = object.pointer(id_at, evidence.wide());
        if (own == kSystemId) return *value == 0 ? Vote::unsure : Vote::no;
        return evidence.is_id(*value) && value != own ? Vote::yes : Vote::no;
      });
  std::erase_if(parent.fitting, [&](std::uint32_t at) {
    const auto known = std::ranges::count_if(objects, [&](const Object& object) {
      return ids.contains(object.pointer(at, evidence.wide()).value_or(0));
    });
    return static_cast<std::size_t>(known) * 4 < objects.size();
  });
  parent.value = only(parent.fitting);
  return parent;
}

// A page of user memory, in most processes and not in the System; an image's own base is a multiple
// of 64 KB in all of them.
ProbedOffset probe_peb(const Evidence& evidence, const std::vector<Object>& objects) {
  ProbedOffset peb;
  peb.was_tested = true;
  peb.fitting = fitting_offsets(
      objects, 0, largest_process(evidence), evidence.word(), objects.size() / 2,
      [&](const Object& object, std::uint32_t at) {
        const auto value = object.pointer(at, evidence.wide());
        if (!value) return Vote::no;
        if (*value == 0) return Vote::unsure;
        const bool is_system = &object == &objects.front();
        return !is_system && *value % 0x1000 == 0 && evidence.is_user(*value) ? Vote::yes
                                                                              : Vote::no;
      });
  std::erase_if(peb.fitting, [&](std::uint32_t at) {
    return std::ranges::all_of(objects, [&](const Object& object) {
      return object.pointer(at, evidence.wide()).value_or(0) % 0x10000 == 0;
    });
  });
  peb.value = only(peb.fitting);
  return peb;
}

// KPROCESS.DirectoryTableBase follows the header and ProfileListHead: at 28h of every 64-bit
// Windows, 18h of every 32-bit one. Accepted where the processes bear it out.
ProbedOffset probe_directory(const Evidence& evidence, const std::vector<Object>& objects) {
  ProbedOffset directory;
  directory.was_tested = true;
  const std::uint32_t at = evidence.wide() ? 0x28 : 0x18;
  // Low bits: PCID and flags; with PAE on x86, a root is a quarter of a page's eighth.
  const std::uint64_t low = evidence.wide() ? 0xff0 : 0x1f;
  std::set<std::uint64_t> seen;
  Tally tally;
  for (const Object& object : objects) {
    const auto value = object.pointer(at, evidence.wide());
    const bool fits = value && *value >= 0x20 && (*value & low) == 0 && *value < 1ull << 52 &&
                      seen.insert(*value).second;
    tally.add(fits ? Vote::yes : Vote::no);
  }
  if (tally.may_hold(objects.size())) directory.fitting.push_back(at);
  directory.value = only(directory.fitting);
  return directory;
}

}  // namespace

ProbedProcesses probe_processes(const Evidence& evidence,
                                const std::vector<std::uint64_t>& threads) {
  ProbedProcesses probed;
  const std::vector<std::uint64_t> entries = sample_of_list(evidence);
  probed.links = probe_links(evidence, entries, threads);
  if (!probed.links.value) return probed;
  const std::uint64_t size = largest_apart(entries, largest_process(evidence));
  for (const std::uint64_t entry : entries)
    probed.objects.push_back(evidence.read(entry - *probed.links.value, size));
  probed.id = probe_id(evidence, probed.objects, *probed.links.value);
  probed.image_file_name = probe_name(evidence, probed.objects);
  probed.peb = probe_peb(evidence, probed.objects);
  probed.directory_table_base = probe_directory(evidence, probed.objects);
  if (probed.id.value) probed.parent_id = probe_parent(evidence, probed.objects, *probed.id.value);
  return probed;
}

}  // namespace ntstack::target
