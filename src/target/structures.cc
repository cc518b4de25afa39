#include "target/structures.h"

#include <algorithm>

#include "base/text.h"
#include "unwind/x86_task.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kMostStack = 0x100000;  // bytes; the kernel's largest are below 100 KB
constexpr int kMostSegments = 16;
constexpr int kMostHoles = 256;                // that are looked across in a stack
constexpr std::uint8_t kThreadObjectType = 6;  // DISPATCHER_HEADER.Type, KOBJECTS.ThreadObject

// KERNEL_STACK_SIZE: what a DPC or ISR stack has where nothing says more.
std::uint64_t usual_stack_size(bool is_64_bit) { return is_64_bit ? 0x6000 : 0x3000; }

bool is_stack_range(std::uint64_t limit, std::uint64_t base) {
  return limit != 0 && limit % kPage == 0 && base % kPage == 0 && base > limit &&
         base - limit <= kMostStack;
}

StackSegment segment_below(StackKind kind, std::uint64_t top, bool is_64_bit) {
  const std::uint64_t base = (top + kPage - 1) & ~(kPage - 1);
  const std::uint64_t size = usual_stack_size(is_64_bit);
  return {kind, base > size ? base - size : 0, base, false};
}

// The IST stacks of a processor: KPCR.TssBase (+8), KTSS64.Ist[1..7] from 0x24.
void add_ist_segments(const base::ByteSource& memory, std::uint64_t pcr,
                      std::vector<StackSegment>& out) {
  const auto tss = memory.get<std::uint64_t>(pcr + 8);
  if (!tss) return;
  for (std::uint64_t i = 0; i < 7; ++i) {
    const auto top = memory.get<std::uint64_t>(*tss + 0x24 + 8 * i);
    if (top && *top > kMostStack && *top % 16 == 0)
      out.push_back(segment_below(StackKind::ist, *top, true));
  }
}

// The stacks of x86's task gates, and what was interrupted by the one that runs.
void add_tasks(const base::ByteSource& memory, std::uint64_t pcr, Processor& processor) {
  namespace x86 = unwind::x86;
  constexpr std::uint64_t kGdt = 0x3c, kInitialEsp = 0x38;  // of KPCR, of KTSS
  const auto gdt = memory.get<std::uint32_t>(pcr + kGdt);
  if (!gdt) return;
  for (const std::uint16_t selector : {x86::kDoubleFaultTask, x86::kNmiTask}) {
    const auto task = x86::task_address(memory, *gdt, selector);
    const auto top = task ? memory.get<std::uint32_t>(*task + kInitialEsp) : std::nullopt;
    if (!top || *top < kMostStack) continue;
    processor.segments.push_back(segment_below(StackKind::task, *top, false));
    if (const auto interrupted = x86::read_interrupted_task(memory, *gdt, *task))
      processor.interrupted_tasks.push_back(
          {processor.segments.back().base, interrupted->registers});
  }
}

// KSTACK_CONTROL at InitialStack: the segment that this one was entered from.
struct PreviousSegment {
  std::uint64_t base, limit, kernel_stack, initial_stack;
};
std::optional<PreviousSegment> previous_segment(const base::ByteSource& memory,
                                                std::uint64_t control, const Layout& layout) {
  const bool wide = layout.is_64_bit();
  const std::uint64_t word = wide ? 8 : 4;
  // Windows 8 and later: {StackBase, ActualLimit[, x86: trap frame, exception list], Previous}.
  // Before, Previous follows the current segment's own record of five words.
  const std::uint64_t at = control + (layout.build >= 9200 ? 0x10 : wide ? 0x28 : 0x14);
  const auto base = memory.pointer(at, wide);
  const auto limit = memory.pointer(at + word, wide);
  const auto saved = memory.pointer(at + 2 * word, wide);
  const auto initial = memory.pointer(at + 3 * word, wide);
  if (!base || !limit || !saved || !initial) return std::nullopt;
  if (!is_stack_range(*limit, *base) || *initial <= *limit || *initial > *base) return std::nullopt;
  return PreviousSegment{*base, *limit, *saved, *initial};
}

std::string image_file_name(const base::ByteSource& memory, std::uint64_t address) {
  const auto bytes = memory.copy(address, 15);
  const std::string_view name = base::Bytes(std::span(bytes)).text(0);
  return base::printable(name);
}

}  // namespace

std::optional<std::uint64_t> Layout::pointer(const base::ByteSource& memory, std::uint64_t object,
                                             Field field) const {
  const auto at = offsets[field];
  return at ? memory.pointer(object + *at, is_64_bit()) : std::nullopt;
}

std::optional<std::uint8_t> Layout::byte(const base::ByteSource& memory, std::uint64_t object,
                                         Field field) const {
  const auto at = offsets[field];
  return at ? memory.get<std::uint8_t>(object + *at) : std::nullopt;
}

std::size_t context_size(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x64:
      return 0x4d0;
    case base::Architecture::arm64:
      return 0x390;
    case base::Architecture::x86:
      return 0x2cc;
    case base::Architecture::unknown:
      break;
  }
  return 0;
}

std::optional<Processor> read_processor(const base::ByteSource& source, std::uint64_t prcb,
                                        const base::ByteSource& memory, const Layout& layout) {
  const auto current = layout.pointer(source, prcb, Field::kprcb_current_thread);
  if (!current) return std::nullopt;
  Processor processor;
  processor.prcb = prcb;
  processor.current_thread = *current;
  processor.idle_thread = layout.pointer(source, prcb, Field::kprcb_idle_thread).value_or(0);
  if (const auto at = layout.offsets[Field::kprcb_number]) {
    // A byte before Windows 7's x86 and Vista's x64; small numbers read the same either way.
    const bool is_byte = layout.build < 7600;
    processor.number = is_byte ? source.get<std::uint8_t>(prcb + *at).value_or(0)
                               : source.get<std::uint32_t>(prcb + *at).value_or(0);
  }
  if (layout.architecture == base::Architecture::x64) {
    processor.rsp_base = layout.pointer(source, prcb, Field::kprcb_rsp_base).value_or(0);
  }
  processor.dpc_active =
      layout.byte(source, prcb, Field::kprcb_dpc_routine_active).value_or(0) != 0;

  const std::size_t size = context_size(layout.architecture);
  if (const auto context = layout.pointer(source, prcb, Field::kprcb_context);
      context && *context) {
    processor.context = memory.copy(*context, size);
  } else if (const auto at = layout.offsets[Field::kprcb_processor_state]) {
    if (!layout.offsets[Field::kprcb_context]) processor.context = source.copy(prcb + *at, size);
  }
  if (processor.context.size() < size) processor.context.clear();

  const bool wide = layout.is_64_bit();
  if (const auto top = layout.pointer(source, prcb, Field::kprcb_dpc_stack); top && *top) {
    processor.segments.push_back(segment_below(StackKind::dpc, *top, wide));
  }
  if (const auto top = layout.pointer(source, prcb, Field::kprcb_isr_stack); top && *top) {
    processor.segments.push_back(segment_below(StackKind::isr, *top, wide));
  }
  if (const auto at = layout.offsets[Field::kpcr_prcb];
      at && layout.architecture == base::Architecture::x64) {
    add_ist_segments(memory, prcb - *at, processor.segments);
  }
  if (const auto at = layout.offsets[Field::kpcr_prcb];
      at && layout.architecture == base::Architecture::x86) {
    add_tasks(memory, prcb - *at, processor);
  }
  return processor;
}

bool looks_like_thread(const base::ByteSource& memory, std::uint64_t address,
                       const Layout& layout) {
  const auto type = memory.get<std::uint8_t>(address);
  if (!type || (*type & 0x7f) != kThreadObjectType) return false;
  const auto limit = layout.pointer(memory, address, Field::kthread_stack_limit);
  const auto base = layout.pointer(memory, address, Field::kthread_stack_base);
  const auto initial = layout.pointer(memory, address, Field::kthread_initial_stack);
  if (limit && base && !is_stack_range(*limit, *base)) return false;
  if (limit && base && initial && (*initial <= *limit || *initial > *base)) return false;
  return initial.has_value();
}

std::vector<StackSegment> read_stack_segments(const base::ByteSource& memory, const Thread& thread,
                                              std::uint64_t limit, std::uint64_t base,
                                              const Layout& layout) {
  std::vector<StackSegment> segments{{StackKind::thread, limit, base}};
  std::uint64_t control = thread.initial_stack.value_or(0);
  while (control != 0 && segments.size() < kMostSegments) {
    const auto previous = previous_segment(memory, control, layout);
    if (!previous) break;
    const bool seen = std::ranges::any_of(
        segments, [&](const StackSegment& s) { return s.base == previous->base; });
    if (seen) break;  // a loop
    segments.back().kind = StackKind::expanded;
    segments.push_back(
        {StackKind::thread, previous->limit, previous->base, true, previous->kernel_stack});
    control = previous->initial_stack;
  }
  return segments;
}

bool has_stack_bytes(const base::ByteSource& memory, const Thread& thread) {
  if (thread.segments.empty()) return true;
  const StackSegment& stack = thread.segments.front();
  std::uint64_t at = stack.limit;
  for (int i = 0; i < kMostHoles && at < stack.base; ++i) {
    if (memory.get<std::uint8_t>(at)) return true;
    at = std::max(at + 1, memory.hole_end(at));
  }
  // What is in use reaches up to the base.
  return at < stack.base && memory.get<std::uint8_t>(stack.base - 1).has_value();
}

Thread read_thread(const base::ByteSource& memory, std::uint64_t address, const Layout& layout) {
  Thread thread;
  thread.address = address;
  const auto pointer = [&](Field field) { return layout.pointer(memory, address, field); };
  thread.object_present = memory.get<std::uint8_t>(address).has_value();
  thread.initial_stack = pointer(Field::kthread_initial_stack);
  thread.kernel_stack = pointer(Field::kthread_kernel_stack);
  thread.trap_frame = pointer(Field::kthread_trap_frame);
  thread.teb = pointer(Field::kthread_teb);
  thread.start_address = pointer(Field::ethread_start_address);
  thread.name = read_thread_name(memory, address, layout);
  if (const auto at = layout.offsets[Field::ethread_create_time];
      at && layout.offsets.source(Field::ethread_create_time) != OffsetSource::nearest_table)
    thread.create_time = memory.get<std::uint64_t>(address + *at);
  thread.state = layout.byte(memory, address, Field::kthread_state);
  thread.wait_reason = layout.byte(memory, address, Field::kthread_wait_reason);
  thread.process = pointer(Field::kthread_apc_process).value_or(0);
  if (const auto cid = layout.offsets[Field::ethread_cid]) {
    const bool wide = layout.is_64_bit();
    const auto process_id = memory.pointer(address + *cid, wide);
    const auto id = memory.pointer(address + *cid + (wide ? 8 : 4), wide);
    // IDs are multiples of four; another number means that the table is of another build.
    // An offset of another build is borne out by the process that says the same; zeros are not.
    const bool is_known =
        layout.offsets.source(Field::ethread_cid) != OffsetSource::nearest_table ||
        (id.value_or(0) != 0 && process_id.value_or(0) != 0 &&
         layout.pointer(memory, thread.process, Field::eprocess_unique_process_id) == process_id);
    if (is_known && id && process_id && *id % 4 == 0 && *process_id % 4 == 0 && *id <= UINT32_MAX &&
        *process_id <= UINT32_MAX) {
      thread.id = id;
      thread.process_id = process_id;
    }
  }
  const auto limit = pointer(Field::kthread_stack_limit);
  const auto base = pointer(Field::kthread_stack_base);
  if (limit && base && is_stack_range(*limit, *base)) {
    thread.segments = read_stack_segments(memory, thread, *limit, *base, layout);
  }
  return thread;
}

Process read_process(const base::ByteSource& memory, std::uint64_t address, const Layout& layout) {
  Process process;
  process.address = address;
  const auto small_id = [&](Field field) -> std::optional<std::uint64_t> {
    const auto id = layout.pointer(memory, address, field);
    const bool is_near = layout.offsets.source(field) == OffsetSource::nearest_table;
    if (is_near && id == 0) return std::nullopt;  // nothing is there, more likely than the idle one
    return id && *id % 4 == 0 && *id <= UINT32_MAX ? id : std::nullopt;
  };
  process.id = small_id(Field::eprocess_unique_process_id);
  process.parent_id = small_id(Field::eprocess_parent_id);
  process.directory_table_base =
      layout.pointer(memory, address, Field::kprocess_directory_table_base);
  process.peb = layout.pointer(memory, address, Field::eprocess_peb);
  if (const auto at = layout.offsets[Field::eprocess_image_file_name]) {
    process.name = image_file_name(memory, address + *at);
  }
  return process;
}

}  // namespace ntstack::target
