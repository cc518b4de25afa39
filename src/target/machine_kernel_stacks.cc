// The machine of a file of kernel stacks: one process, and each thread that ntstack's driver was
// asked for.
#include "target/machine.h"
#include "target/structures.h"

namespace ntstack::target {
namespace {

// The kernel's own stacks are a megabyte at most; what says more is no stack's.
constexpr std::uint64_t kMostStack = 0x100000;

// KSTACK_CONTROL, which lies at InitialStack, near the stack's base: by its first two words, the
// base and how far the stack may grow down.
std::optional<std::uint64_t> find_stack_control(const base::ByteSource& memory, std::uint64_t low,
                                                std::uint64_t high, bool is_64_bit) {
  constexpr std::uint64_t kFarthest = 0x2000, kNearest = 0x20, kStep = 8;  // extended state between
  const std::uint64_t word = is_64_bit ? 8 : 4;
  for (std::uint64_t below = kNearest; below <= kFarthest && below < high - low; below += kStep) {
    if (memory.pointer(high - below, is_64_bit) != high) continue;
    const auto limit = memory.pointer(high - below + word, is_64_bit);
    if (!limit) continue;
    const std::uint64_t lowest = *limit & ~std::uint64_t{1};  // bit 0: it may grow
    if (lowest % 0x1000 == 0 && lowest <= low && high - lowest <= kMostStack) return high - below;
  }
  return std::nullopt;
}

Thread thread_of(const dump::ThreadRecord& from, const dump::KernelStackRecord& record) {
  Thread thread;
  thread.address = record.object;
  thread.id = from.id;
  if (from.teb != 0) thread.teb = from.teb;
  if (from.start_address != 0) thread.start_address = from.start_address;
  if (record.create_time != 0) thread.create_time = record.create_time;
  thread.state = record.state;
  thread.wait_reason = record.wait_reason;
  thread.name = from.name;
  thread.context = from.context;
  thread.captured = !from.context.empty();
  const bool is_stack =
      record.stack_low < record.stack_high && record.stack_high - record.stack_low <= kMostStack;
  if (is_stack)
    thread.segments.push_back({StackKind::thread, record.stack_low, record.stack_high, true});
  return thread;
}

}  // namespace

// By the structures at the stacks' own bases: of the kernel's objects the file has none.
void Machine::find_older_stacks(Thread& thread) const {
  if (thread.segments.empty()) return;
  const StackSegment own = thread.segments.front();
  thread.initial_stack = find_stack_control(memory(), own.limit, own.base, is_64_bit());
  if (thread.initial_stack)
    thread.segments = read_stack_segments(memory(), thread, own.limit, own.base,
                                          {offsets_, dump().architecture, kernel_->build()});
}

void Machine::list_kernel_stacks() {
  const dump::KernelStacks& stacks = *dump().kernel_stacks;
  Process process;
  process.id = dump().process_id;
  process.name = stacks.process_name;
  processes_.push_back(std::move(process));
  for (std::size_t i = 0; i < dump().threads.size() && i < stacks.threads.size(); ++i) {
    const dump::KernelStackRecord& record = stacks.threads[i];
    Thread thread = thread_of(dump().threads[i], record);
    thread.process_id = dump().process_id;
    find_older_stacks(thread);
    RequestedThread asked{record.status, capture_of(record.status), {}, thread.id};
    if (asked.capture == Capture::captured && !thread.captured) asked.capture = Capture::no_stack;
    if (record.object != 0) {
      asked.thread = record.object;
      thread_index_.try_emplace(record.object, threads_.size());
    }
    captures_.push_back(asked);
    threads_.push_back(std::move(thread));
  }
}

}  // namespace ntstack::target
