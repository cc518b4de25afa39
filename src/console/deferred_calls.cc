#include "console/deferred_calls.h"

#include <optional>
#include <unordered_set>

#include "analysis/kernel_types.h"
#include "analysis/object_reader.h"
#include "console/thread_text.h"
#include "target/list.h"

namespace ntstack::console {
namespace {

constexpr std::size_t kMostCalls = 4096;
constexpr std::uint32_t kWindows8 = 9200;

constexpr std::array kCall = {analysis::KnownField{"DeferredRoutine", 0x18, 0xc},
                              analysis::KnownField{"DeferredContext", 0x20, 0x10},
                              analysis::KnownField{"DpcListEntry", 8, 4}};

// Where the two KDPC_DATA are, and how they are made.
struct Place {
  std::uint64_t address = 0, size = 0;
  bool is_double = false;  // a LIST_ENTRY; else a list of one direction, with its last entry
};

// In KDPC_DATA: behind the list (two pointers) and the lock (one).
std::uint64_t depth_at(bool wide) { return wide ? 0x18 : 0xc; }

std::uint64_t entry_in_call(bool wide) { return wide ? 8 : 4; }

std::vector<std::uint64_t> follow(const base::ByteSource& memory, std::uint64_t head, bool wide,
                                  std::string& broken) {
  std::vector<std::uint64_t> entries;
  std::unordered_set<std::uint64_t> seen;
  const auto last = memory.pointer(head + (wide ? 8 : 4), wide);
  std::uint64_t at = head;
  while (broken.empty()) {
    const auto next = memory.pointer(at, wide);
    if (!next) {
      broken = "an entry of its list is not in the dump";
    } else if (*next == 0) {
      if (last != at) broken = "its list does not end where it says";
      break;
    } else if (!seen.insert(*next).second) {
      broken = "its list leads back into itself";
    } else if (entries.size() == kMostCalls) {
      broken = "its list does not end";
    } else {
      entries.push_back(*next);
      at = *next;
    }
  }
  return entries;
}

DpcQueue queue_at(Console& console, const Place& place, const analysis::ObjectReader& calls) {
  const base::ByteSource& memory = console.machine().memory();
  const bool wide = console.is_64_bit();
  DpcQueue queue;
  queue.depth = memory.get<std::uint32_t>(place.address + depth_at(wide)).value_or(0);
  std::vector<std::uint64_t> entries;
  if (place.is_double) {
    target::ListWalk walk = target::walk_list(memory, place.address, wide, kMostCalls);
    entries = std::move(walk.entries);
    queue.broken = std::move(walk.broken);
  } else {
    entries = follow(memory, place.address, wide, queue.broken);
  }
  const std::uint64_t entry_at = calls.offset_of("DpcListEntry").value_or(entry_in_call(wide));
  for (const std::uint64_t entry : entries) {
    const std::uint64_t address = entry - entry_at;
    const auto routine = calls.read(address, "DeferredRoutine");
    queue.calls.push_back({address, routine.value_or(0),
                           calls.read_or(address, "DeferredContext", 0), routine.has_value()});
  }
  return queue;
}

std::optional<Place> place_by_types(Console& console, std::uint64_t prcb) {
  const auto data = analysis::field_place(console.kernel_view(), "nt", "_KPRCB", "DpcData");
  const auto nt = analysis::module_named(console.kernel_view(), "nt");
  if (!data || !nt) return std::nullopt;
  const auto one = console.symbolizer().types(*nt).structure("_KDPC_DATA");
  if (!one || one->size == 0) return std::nullopt;
  const bool is_double =
      analysis::field_place(console.kernel_view(), "nt", "_KDPC_DATA", "DpcListHead").has_value();
  return Place{prcb + data->offset, one->size, is_double};
}

// Sizes of KDPC_DATA: with an active DPC's address since Windows 10, and more since Windows 11.
std::vector<std::uint64_t> sizes_of(const Console& console, bool is_double) {
  if (is_double) return {console.is_64_bit() ? 0x20U : 0x14U};
  if (console.is_64_bit()) return {0x28, 0x30, 0x20};
  return {0x18, 0x14, 0x1c};
}

}  // namespace

base::Result<DpcQueues> dpc_queues_of(Console& console, const target::Processor& processor) {
  if (processor.prcb == 0)
    return base::fail("the KPRCB of processor {} is not in the dump", processor.number);
  const analysis::ObjectReader calls(console.kernel_view(), "_KDPC", kCall);
  const auto queues = [&](const Place& place) {
    Place threaded = place;
    threaded.address += place.size;
    return DpcQueues{queue_at(console, place, calls), queue_at(console, threaded, calls)};
  };
  if (const auto place = place_by_types(console, processor.prcb)) return queues(*place);
  const auto stack = console.machine().offsets()[target::Field::kprcb_dpc_stack];
  if (!stack)
    return base::fail(
        "where a KPRCB has its DPC queues is not known of this build: nt's PDB (-y) "
        "would tell");
  const bool is_double = console.machine().kernel().build() < kWindows8;
  for (const std::uint64_t size : sizes_of(console, is_double)) {
    DpcQueues found = queues({processor.prcb + *stack - 2 * size, size, is_double});
    if (found.normal.broken.empty() && found.threaded.broken.empty()) return found;
  }
  return base::fail(
      "the DPC queues of processor {} (KPRCB {}) are not in the dump, or this build has them "
      "elsewhere: nt's PDB (-y) would tell",
      processor.number, plain_address(console, processor.prcb));
}

}  // namespace ntstack::console
