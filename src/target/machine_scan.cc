// Processes and threads of a machine whose lists are broken, by a scan of its memory.
#include <fmt/format.h>

#include <algorithm>

#include "target/machine.h"
#include "target/object_scan.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kMostScanned = 512u << 20;
constexpr std::uint64_t kFewestHoles = 0x1000;
constexpr std::uint8_t kTerminated = 4;  // KTHREAD_STATE

// The first thread of a process's list, if that is one and belongs to it.
bool has_own_thread(const base::ByteSource& memory, std::uint64_t process, const Layout& layout) {
  struct Place {
    Field head, entry;
  };
  for (const Place place :
       {Place{Field::eprocess_thread_list_head, Field::ethread_thread_list_entry},
        Place{Field::kprocess_thread_list_head, Field::kthread_thread_list_entry}}) {
    const auto first = layout.pointer(memory, process, place.head);
    const auto entry = layout.offsets[place.entry];
    if (!first || !entry || *first < *entry) continue;
    const std::uint64_t thread = *first - *entry;
    if (looks_like_thread(memory, thread, layout) &&
        layout.pointer(memory, thread, Field::kthread_apc_process) == process)
      return true;
  }
  return false;
}

}  // namespace

void Machine::scan_for_lost_objects() {
  std::vector<std::uint64_t> known;
  for (const Process& process : processes_) known.push_back(process.address);
  for (const Thread& thread : threads_) known.push_back(thread.address);
  const Layout layout{offsets_, dump().architecture, kernel_->build()};
  ScanLimits limits{kMostScanned};
  // Page tables of a small dump may claim holes without end: a few for each page are enough.
  if (const std::uint64_t bytes = dump().physical_bytes; bytes != 0)
    limits.holes = static_cast<std::size_t>(
        std::min<std::uint64_t>(limits.holes, kFewestHoles + bytes / 0x1000 * 8));
  const ObjectScan scan = scan_for_objects(memory(), layout, known, limits);
  const std::size_t processes = process_list_broken_ ? take_scanned_processes(scan.processes) : 0;
  const std::size_t threads = take_scanned_threads(scan.threads);
  warnings_.push_back(fmt::format(
      "lists of the kernel are broken, so {} MB of its memory were scanned for what they lack: {} "
      "further processes and {} further threads look live{}",
      scan.bytes >> 20, processes, threads,
      scan.is_whole ? "" : " (there is more memory than was looked at)"));
}

// A process that exited has no threads left, and the list's neighbours have forgotten it.
std::size_t Machine::take_scanned_processes(const std::vector<std::uint64_t>& found) {
  const Layout layout{offsets_, dump().architecture, kernel_->build()};
  std::unordered_set<std::uint64_t> ids;
  for (const Process& process : processes_) ids.insert(process.id.value_or(0));
  std::size_t taken = 0;
  for (const std::uint64_t address : found) {
    if (process_index_.contains(address)) continue;
    const auto links = offsets_[Field::eprocess_active_process_links];
    if (links && !is_live(memory(), address + *links, is_64_bit())) continue;
    const Process process = read_process(memory(), address, layout);
    if (!has_own_thread(memory(), address, layout)) continue;
    if (!process.id || !ids.insert(*process.id).second) continue;
    add_process(address, FoundBy::scan);
    ++taken;
    list_threads(process);
  }
  return taken;
}

// Only where the process's own list does not tell them all.
std::size_t Machine::take_scanned_threads(const std::vector<std::uint64_t>& found) {
  const Layout layout{offsets_, dump().architecture, kernel_->build()};
  const auto entry = offsets_[Field::ethread_thread_list_entry]
                         ? offsets_[Field::ethread_thread_list_entry]
                         : offsets_[Field::kthread_thread_list_entry];
  std::size_t taken = 0;
  for (const std::uint64_t address : found) {
    if (thread_index_.contains(address)) continue;
    const Thread thread = read_thread(memory(), address, layout);
    const bool is_of_broken_list = thread_list_broken_.contains(thread.process);
    if (!is_of_broken_list || thread.state == kTerminated || thread.segments.empty()) continue;
    if (entry && !is_live(memory(), address + *entry, is_64_bit())) continue;
    const StackSegment& stack = thread.segments.front();
    const std::uint64_t saved = thread.kernel_stack.value_or(0);
    if (saved <= stack.limit || saved > stack.base) continue;
    const Process* process = process_of(thread);
    if (!process || (thread.process_id && process->id && thread.process_id != process->id))
      continue;
    add_thread(address, FoundBy::scan);
    ++taken;
  }
  return taken;
}

}  // namespace ntstack::target
