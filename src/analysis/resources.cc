#include "analysis/resources.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "analysis/kernel_types.h"
#include "analysis/kernel_view.h"
#include "analysis/wait_objects.h"
#include "stacks/registers.h"
#include "target/facts.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint32_t kWindows7 = 7600, kAnniversary = 14393;

constexpr std::array kSince7 = {KnownField{"ActiveCount", 0x18, 0xc, 2},
                                KnownField{"Flag", 0x1a, 0xe, 2},
                                KnownField{"OwnerTable", 0x10, 0x8},
                                KnownField{"SharedWaiters", 0x20, 0x10},
                                KnownField{"ExclusiveWaiters", 0x28, 0x14},
                                KnownField{"OwnerEntry", 0x30, 0x18},
                                KnownField{"ContentionCount", 0x44, 0x24, 4},
                                KnownField{"NumberOfSharedWaiters", 0x48, 0x28, 4},
                                KnownField{"NumberOfExclusiveWaiters", 0x4c, 0x2c, 4}};
// The second owner entry is that of a shared owner.
constexpr std::array kBefore7 = {KnownField{"ActiveCount", 0x18, 0xc, 2},
                                 KnownField{"Flag", 0x1a, 0xe, 2},
                                 KnownField{"OwnerTable", 0x10, 0x8},
                                 KnownField{"SharedWaiters", 0x20, 0x10},
                                 KnownField{"ExclusiveWaiters", 0x28, 0x14},
                                 KnownField{"OwnerThreads", 0x30, 0x18},
                                 KnownField{"ContentionCount", 0x50, 0x28, 4},
                                 KnownField{"NumberOfSharedWaiters", 0x54, 0x2c, 2},
                                 KnownField{"NumberOfExclusiveWaiters", 0x56, 0x2e, 2}};
constexpr std::array kOwner = {KnownField{"OwnerThread", 0, 0}, KnownField{"OwnerCount", 8, 4, 4}};

constexpr std::uint64_t kOwnedExclusive = 0x80;  // ResourceOwnedExclusive (wdm.h)
constexpr std::uint64_t kOwnerFlags = 3;  // OwnerThread: not a thread (ExSetResourceOwnerPointer)

std::span<const KnownField> fields_of(const KernelView& view) {
  const std::uint32_t build = view.machine().kernel().build();
  if (build != 0 && build < kWindows7) return kBefore7;
  return kSince7;
}

// How far the count is shifted in its word (public PDB types).
unsigned count_shift_of(const KernelView& view) {
  const auto place = field_place(view, "nt", "_OWNER_ENTRY", "OwnerCount");
  if (place && place->bit_length != 0) return place->bit_position;
  const std::uint32_t build = view.machine().kernel().build();
  return build == 0 || build >= kAnniversary ? 3 : build >= kWindows7 ? 2 : 0;
}

std::unordered_multimap<std::uint64_t, std::uint64_t> waiters_by_object(const KernelView& view) {
  std::unordered_multimap<std::uint64_t, std::uint64_t> found;
  for (const target::Thread& thread : view.machine().threads()) {
    if (view.is_interrupted()) break;
    if (thread.address == 0 || !target::is_waiting(thread)) continue;
    const auto count = kernel_field(view, thread.address, "_KTHREAD", "WaitBlockCount");
    for (const WaitObject& object : wait_objects_of(view.machine(), thread, count))
      found.emplace(object.address, thread.address);
  }
  return found;
}

}  // namespace

ResourceReader::ResourceReader(const KernelView& view)
    : view_(view),
      resource_(view, "_ERESOURCE", fields_of(view)),
      owner_(view, "_OWNER_ENTRY", kOwner),
      has_two_owners_(resource_.offset_of("OwnerThreads").has_value()),
      owner_size_(view.is_64_bit() ? 0x10 : 8),
      count_shift_(count_shift_of(view)),
      waiters_(waiters_by_object(view)),
      stacks_(view.machine()) {}

std::optional<Resource> ResourceReader::at(std::uint64_t address) const {
  const auto active = resource_.read(address, "ActiveCount");
  const auto flag = resource_.read(address, "Flag");
  if (!active || !flag) return std::nullopt;
  Resource resource;
  resource.address = address;
  resource.active_count = static_cast<std::int16_t>(*active);
  resource.is_exclusive = (*flag & kOwnedExclusive) != 0;
  resource.contention_count = resource_.read_or(address, "ContentionCount", 0);
  resource.shared_waiters = resource_.read_or(address, "NumberOfSharedWaiters", 0);
  resource.exclusive_waiters = resource_.read_or(address, "NumberOfExclusiveWaiters", 0);
  look_for_doubt(resource);
  if (!resource.doubt.empty()) return resource;
  read_owners(resource);
  if (resource.shared_waiters != 0)
    resource.waiting_shared = waiters_of(resource_.read_or(address, "SharedWaiters", 0));
  if (resource.exclusive_waiters != 0)
    resource.waiting_exclusive = waiters_of(resource_.read_or(address, "ExclusiveWaiters", 0));
  return resource;
}

// Every resource is in the list of them all, and its owner table is the kernel's or none.
void ResourceReader::look_for_doubt(Resource& resource) const {
  const base::ByteSource& memory = view_.machine().memory();
  const bool wide = view_.is_64_bit();
  const std::uint64_t word = wide ? 8 : 4;
  const auto is_pointer = [&](std::optional<std::uint64_t> value) {
    return value && *value % word == 0 && !stacks::is_user_address(*value, view_.architecture());
  };
  const auto next = memory.pointer(resource.address, wide);
  const auto before = memory.pointer(resource.address + word, wide);
  if (!is_pointer(next) || !is_pointer(before)) {
    resource.doubt = "it is in no list of resources";
    return;
  }
  const auto from_next = memory.pointer(*next + word, wide);
  const auto from_before = memory.pointer(*before, wide);
  if ((from_next && *from_next != resource.address) ||
      (from_before && *from_before != resource.address))
    resource.doubt = "its neighbours in the list of resources do not point back to it";
  resource.is_confirmed = from_next || from_before;
  const std::uint64_t table = resource_.read_or(resource.address, "OwnerTable", 0);
  if (resource.active_count < 0) resource.doubt = "its ActiveCount is below 0";
  if (table != 0 && !is_pointer(table)) resource.doubt = "its OwnerTable is no pointer";
}

void ResourceReader::add_owner(Resource& resource, std::uint64_t entry) const {
  constexpr std::size_t most = 1024;
  const auto thread = owner_.read(entry, "OwnerThread");
  if (!thread || *thread == 0 || resource.owners.size() >= most) return;
  const auto count = owner_.read(entry, "OwnerCount");
  const std::uint64_t address =
      view_.machine().thread_at(*thread & ~kOwnerFlags) ? *thread & ~kOwnerFlags : *thread;
  const bool is_free = count && *count >> count_shift_ == 0 && resource.is_exclusive == false;
  if (is_free) return;
  resource.owners.push_back({address, count.value_or(0) >> count_shift_});
}

void ResourceReader::read_owners(Resource& resource) const {
  if (!resource.is_held()) return;
  const auto own = resource_.offset_of(has_two_owners_ ? "OwnerThreads" : "OwnerEntry");
  if (own) add_owner(resource, resource.address + *own);
  if (own && has_two_owners_) add_owner(resource, resource.address + *own + owner_size_);
  if (!resource.is_exclusive) read_owner_table(resource);
}

// The first entry says how many there are.
void ResourceReader::read_owner_table(Resource& resource) const {
  constexpr std::uint64_t most = 4096;
  const std::uint64_t table = resource_.read_or(resource.address, "OwnerTable", 0);
  const auto count_at = owner_.offset_of("OwnerCount");
  if (table == 0 || !count_at) return;
  const auto size = view_.machine().memory().get<std::uint32_t>(table + *count_at);
  if (!size) return;
  for (std::uint64_t i = 1; i < std::min<std::uint64_t>(*size, most); ++i)
    add_owner(resource, table + i * owner_size_);
}

// Threads whose wait blocks lead to the object. Newer kernels have no object there but a chain of
// records on the waiters' stacks: whose stack one is on waits.
std::vector<std::uint64_t> ResourceReader::waiters_of(std::uint64_t object) const {
  std::vector<std::uint64_t> threads;
  if (object == 0) return threads;
  const auto [first, last] = waiters_.equal_range(object);
  for (auto each = first; each != last; ++each) threads.push_back(each->second);
  std::ranges::sort(threads);
  if (!threads.empty()) return threads;
  std::unordered_set<std::uint64_t> seen;
  constexpr std::size_t most = 1024, most_of_all = 1'000'000;
  std::uint64_t at = object;
  while (seen.size() < most && ++records_ < most_of_all && seen.insert(at).second) {
    const target::Thread* thread = stacks_.thread_at(at);
    if (!thread || !target::is_waiting(*thread)) break;
    threads.push_back(thread->address);
    const auto next = view_.machine().memory().pointer(at, view_.is_64_bit());
    if (!next || *next == 0) break;
    at = *next;
  }
  return threads;
}

base::Result<std::uint64_t> resource_list_of(const KernelView& view) {
  constexpr std::uint32_t at = 0x60;  // KDDEBUGGER_DATA64.ExpSystemResourcesList (wdbgexts.h)
  const auto& kdbg = view.machine().kdbg();
  if (kdbg)
    if (const auto head = kdbg->address_at(at, view.is_64_bit()); head && *head != 0) return *head;
  if (const auto head = view.symbolizer().address_of("nt!ExpSystemResourcesList")) return *head;
  return base::fail(
      "where the list of resources begins (nt!ExpSystemResourcesList) is not known: the dump has "
      "no KDBG that says it, and nt's PDB, which would, is not at hand (-y)");
}

}  // namespace ntstack::analysis
