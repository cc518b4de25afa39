#include "target/captured_threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <unordered_set>

namespace ntstack::target {
namespace {

using Block = dump::TriageRecords::DataBlock;

constexpr std::uint64_t kMostSearched = 64 << 20;  // bytes; such dumps have about one million
constexpr std::size_t kMostFound = 4096;

std::vector<const Block*> in_written_order(const dump::TriageRecords& triage) {
  std::vector<const Block*> blocks;
  blocks.reserve(triage.data_blocks.size());
  for (const Block& block : triage.data_blocks) blocks.push_back(&block);
  std::ranges::stable_sort(blocks, {}, &Block::file_offset);
  return blocks;
}

std::uint64_t object_size(const dump::TriageRecords& triage, const Layout& layout) {
  std::uint64_t size = layout.offsets[Field::ethread_size].value_or(0);
  for (const Block& block : triage.data_blocks) {
    if (block.file_offset == triage.thread_file_offset) size = block.bytes.size();
  }
  return size;
}

// EPROCESS: where the block lies that the dump's process is in.
std::optional<std::uint64_t> process_address(const dump::TriageRecords& triage) {
  const std::byte* process = triage.process.data();
  const std::less<> before;
  for (const Block& block : triage.data_blocks) {
    const std::byte* begin = block.bytes.data();
    if (!process || before(process, begin) || !before(process, begin + block.bytes.size()))
      continue;
    return block.address + static_cast<std::uint64_t>(process - begin);
  }
  return std::nullopt;
}

class Search {
 public:
  Search(const base::ByteSource& memory, const Layout& layout,
         std::unordered_set<std::uint64_t> processes)
      : memory_(memory), layout_(layout), processes_(std::move(processes)) {}

  // Every thread object that a pointer to a process in `block` belongs to.
  void look_through(const Block& block) {
    const std::uint64_t word = layout_.is_64_bit() ? 8 : 4;
    std::uint64_t at = (word - block.address % word) % word;
    for (; at + word <= block.bytes.size() && found_.size() < kMostFound; at += word) {
      const std::uint64_t value = word == 8 ? block.bytes.get_or<std::uint64_t>(at, 0)
                                            : block.bytes.get_or<std::uint32_t>(at, 0);
      if (!processes_.contains(value)) continue;
      for (const Field field : {Field::kthread_process, Field::kthread_apc_process}) {
        const auto offset = layout_.offsets[field];
        if (offset && block.address + at >= *offset) consider(block.address + at - *offset);
      }
    }
  }
  std::vector<std::uint64_t> take() { return std::move(found_); }

 private:
  void consider(std::uint64_t address) {
    if (address == 0 || seen_.contains(address) || !is_thread(address)) return;
    seen_.insert(address);
    found_.push_back(address);
  }

  bool is_thread(std::uint64_t address) const {
    const std::uint64_t alignment = layout_.is_64_bit() ? 16 : 8;  // of pool memory
    if (address % alignment != 0 || !looks_like_thread(memory_, address, layout_)) return false;
    const auto field = [&](Field f) { return layout_.pointer(memory_, address, f); };
    const auto process = field(Field::kthread_process),
               attached = field(Field::kthread_apc_process);
    if (process && attached && !processes_.contains(*process) && !processes_.contains(*attached))
      return false;
    const auto limit = field(Field::kthread_stack_limit), base = field(Field::kthread_stack_base),
               kernel_stack = field(Field::kthread_kernel_stack),
               initial = field(Field::kthread_initial_stack);
    if (!limit || !base || !initial || !kernel_stack) return false;
    if (*kernel_stack <= *limit || *kernel_stack > *initial) return false;
    // KSTACK_CONTROL begins with the stack's base.
    const auto control = memory_.pointer(*initial, layout_.is_64_bit());
    return !control || *control == *base;
  }

  const base::ByteSource& memory_;
  const Layout& layout_;
  std::unordered_set<std::uint64_t> processes_;
  std::unordered_set<std::uint64_t> seen_;
  std::vector<std::uint64_t> found_;
};

// Each of the file's bytes once, whatever the table of blocks says.
void look_through(const std::vector<const Block*>& blocks, Search& search) {
  std::uint64_t searched = 0, end = 0;
  for (const Block* block : blocks) {
    const std::uint64_t size = block->bytes.size();
    if (block->file_offset + size <= end && end != 0) continue;
    if (searched + size > kMostSearched) return;
    search.look_through(*block);
    searched += size;
    end = std::max(end, block->file_offset + size);
  }
}

}  // namespace

CapturedObjects find_captured_objects(const dump::TriageRecords& triage,
                                      const base::ByteSource& memory, const Layout& layout,
                                      std::size_t expected) {
  CapturedObjects objects;
  std::unordered_set<std::uint64_t> processes;
  const std::vector<const Block*> blocks = in_written_order(triage);
  const auto process = process_address(triage);
  const std::uint64_t size = object_size(triage, layout);
  for (const Block* block : blocks) {
    if (size < 0x100 || block->bytes.size() != size || block->address == 0) continue;
    if (!looks_like_thread(memory, block->address, layout)) continue;
    objects.threads.push_back(block->address);
    if (const auto of = layout.pointer(memory, block->address, Field::kthread_process); of && *of)
      processes.insert(*of);
  }
  const bool is_enough = !objects.threads.empty() && objects.threads.size() >= expected;
  if (is_enough || (!process && expected == 0)) return objects;

  if (process) processes.insert(*process);
  if (processes.empty()) return objects;
  Search search(memory, layout, processes);
  look_through(blocks, search);
  std::vector<std::uint64_t> found = search.take();
  std::unordered_set<std::uint64_t> known(found.begin(), found.end());
  for (const std::uint64_t thread : objects.threads)
    if (known.insert(thread).second) found.push_back(thread);
  if (const std::size_t more = found.size() - objects.threads.size(); more != 0) {
    objects.searched = fmt::format(
        "{} of {} threads were found by a search for pointers to their process: their objects are "
        "not blocks of their own in this dump",
        more, found.size());
  }
  objects.threads = std::move(found);
  return objects;
}

std::vector<RequestedThread> requested_threads(
    std::span<const std::uint32_t> statuses, std::span<const std::uint64_t> objects,
    const std::function<bool(std::uint64_t thread)>& has_stack) {
  const std::vector<Capture> captures = captures_of(statuses);
  std::vector<RequestedThread> requested(statuses.size());
  const auto captured = static_cast<std::size_t>(std::ranges::count(captures, Capture::captured));
  const bool is_tied = captured == objects.size();
  std::size_t next = 0;
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    requested[i] = {statuses[i], captures[i], std::nullopt};
    if (!is_tied || captures[i] != Capture::captured) continue;
    requested[i].thread = objects[next++];
    if (!has_stack(*requested[i].thread)) requested[i].capture = Capture::no_stack;
  }
  return requested;
}

}  // namespace ntstack::target
