#include "target/machine.h"

#include <algorithm>
#include <unordered_set>

#include "target/structures.h"

namespace ntstack::target {
namespace {

constexpr std::uint32_t kMostProcessors = 2048;  // Windows' own limit (KiProcessorBlock)

Layout layout_of(const Machine& machine) {
  return {machine.offsets(), machine.dump().architecture, machine.dump().build};
}

}  // namespace

std::string_view name_of(StackKind kind) {
  switch (kind) {
    case StackKind::thread:
      return "thread";
    case StackKind::expanded:
      return "expanded";
    case StackKind::dpc:
      return "dpc";
    case StackKind::isr:
      return "isr";
    case StackKind::ist:
      return "ist";
    case StackKind::user:
      return "user";
    case StackKind::unknown:
      break;
  }
  return "unknown";
}

Machine::Machine(const dump::Dump& dump)
    : dump_(&dump), memory_(std::make_unique<memory::AddressSpace>(dump.memory.get())) {
  if (dump.kind == dump::Kind::minidump) {
    list_minidump_threads();
    return;
  }
  if (dump.kdbg.empty()) {
    warnings_.push_back("the dump has no KDBG block: offsets are taken from the tables by build");
  } else if (auto kdbg = Kdbg::parse(dump.kdbg)) {
    kdbg_ = *kdbg;
  } else {
    warnings_.push_back(kdbg.error().text() + ": offsets are taken from the tables by build");
  }
  offsets_ = Offsets::of(dump.architecture, dump.build, kdbg_ ? &*kdbg_ : nullptr);
  find_triage_objects();
  find_processors();
  find_threads();
}

// A triage dump keeps the crashing processor's PRCB, thread and process apart, without addresses.
// The PRCB names its thread, the thread its process.
void Machine::find_triage_objects() {
  if (!dump_->triage) return;
  const dump::TriageRecords& triage = *dump_->triage;
  const base::SegmentSource prcb({{0, triage.prcb}});
  const Layout layout = layout_of(*this);
  const auto thread = layout.pointer(prcb, 0, Field::kprcb_current_thread);
  if (!thread || *thread == 0) return;
  const base::SegmentSource object({{0, triage.thread}});
  if (!looks_like_thread(object, 0, layout)) return;
  memory_->place(*thread, triage.thread);
  if (const auto process = layout.pointer(object, 0, Field::kthread_apc_process);
      process && *process) {
    memory_->place(*process, triage.process);
  }
}

void Machine::add_processor(Processor processor) {
  const auto known = std::ranges::find(processors_, processor.number, &Processor::number);
  if (known == processors_.end()) processors_.push_back(std::move(processor));
}

void Machine::find_processors() {
  const Layout layout = layout_of(*this);
  const auto block = kdbg_ ? kdbg_->processor_block(is_64_bit()) : std::nullopt;
  const std::uint64_t word = is_64_bit() ? 8 : 4;
  const std::uint32_t count = std::min(dump_->processor_count, kMostProcessors);
  for (std::uint32_t i = 0; block && i < count; ++i) {
    const auto prcb = memory_->pointer(*block + i * word, is_64_bit());
    if (!prcb || *prcb == 0) continue;
    auto processor = read_processor(*memory_, *prcb, *memory_, layout);
    if (!processor) continue;
    processor->number = i;
    add_processor(std::move(*processor));
  }
  if (!dump_->triage) return;
  const base::SegmentSource blob({{0, dump_->triage->prcb}});
  auto crashed = read_processor(blob, 0, *memory_, layout);
  if (!crashed || crashed->number >= kMostProcessors) return;
  crashed->prcb = 0;
  const std::uint32_t number = crashed->number;
  add_processor(std::move(*crashed));
  std::ranges::find(processors_, number, &Processor::number)->crashed = true;
  std::ranges::sort(processors_, {}, &Processor::number);
}

Thread* Machine::add_thread(std::uint64_t address) {
  if (address == 0) return nullptr;
  const auto known = std::ranges::find(threads_, address, &Thread::address);
  if (known != threads_.end()) return &*known;
  threads_.push_back(read_thread(*memory_, address, layout_of(*this)));
  add_process(threads_.back().process);
  return &threads_.back();
}

void Machine::add_process(std::uint64_t address) {
  if (address == 0 || !memory_->get<std::uint8_t>(address)) return;
  const auto known = std::ranges::find(processes_, address, &Process::address);
  if (known == processes_.end())
    processes_.push_back(read_process(*memory_, address, layout_of(*this)));
}

void Machine::find_threads() {
  for (const Processor& processor : processors_) {
    Thread* thread = add_thread(processor.current_thread);
    if (!thread) continue;
    thread->processor = processor.number;
    // Without the thread object, the PRCB still tells where its stack's base is.
    if (thread->segments.empty() && processor.rsp_base != 0) {
      const std::uint64_t base = (processor.rsp_base + 0xfff) & ~std::uint64_t{0xfff};
      thread->segments.push_back({StackKind::thread, base - 0x6000, base, false});
      if (!thread->initial_stack) thread->initial_stack = processor.rsp_base;
    }
  }
  if (!dump_->triage) return;
  // A process's triage dump: every block of a thread object's size is one, in the order of the
  // request.
  const Layout layout = layout_of(*this);
  const dump::TriageRecords& triage = *dump_->triage;
  std::uint64_t size = offsets_[Field::ethread_size].value_or(0);
  for (const auto& block : triage.data_blocks) {
    if (block.file_offset == triage.thread_file_offset) size = block.bytes.size();
  }
  if (size < 0x100) return;
  std::unordered_set<std::uint64_t> known;
  for (const Thread& thread : threads_) known.insert(thread.address);
  for (const auto& block : triage.data_blocks) {
    if (block.bytes.size() != size || !looks_like_thread(*memory_, block.address, layout)) continue;
    if (!known.insert(block.address).second) continue;
    threads_.push_back(read_thread(*memory_, block.address, layout));
    add_process(threads_.back().process);
  }
}

void Machine::list_minidump_threads() {
  Process process;
  process.id = dump_->process_id;
  if (!dump_->modules.empty()) process.name = dump_->modules.front().path;
  processes_.push_back(process);
  for (const dump::ThreadRecord& record : dump_->threads) {
    Thread thread;
    thread.id = record.id;
    thread.process_id = dump_->process_id;
    thread.teb = record.teb;
    thread.context = record.context;
    thread.name = record.name;
    if (record.stack_size != 0) {
      thread.segments.push_back(
          {StackKind::user, record.stack_address, record.stack_address + record.stack_size});
    }
    threads_.push_back(std::move(thread));
  }
}

const Thread* Machine::thread_at(std::uint64_t address) const {
  const auto found = std::ranges::find(threads_, address, &Thread::address);
  return found == threads_.end() ? nullptr : &*found;
}

const Process* Machine::process_of(const Thread& thread) const {
  const auto found = std::ranges::find(processes_, thread.process, &Process::address);
  return found == processes_.end() ? nullptr : &*found;
}

std::string_view thread_state_name(std::uint8_t state) {
  constexpr std::string_view kNames[] = {
      "Initialized", "Ready",      "Running",       "Standby",  "Terminated",
      "Waiting",     "Transition", "DeferredReady", "GateWait", "WaitingForProcessInSwap"};
  return state < std::size(kNames) ? kNames[state] : std::string_view();
}

std::string_view wait_reason_name(std::uint8_t reason) {
  constexpr std::string_view kNames[] = {"Executive",
                                         "FreePage",
                                         "PageIn",
                                         "PoolAllocation",
                                         "DelayExecution",
                                         "Suspended",
                                         "UserRequest",
                                         "WrExecutive",
                                         "WrFreePage",
                                         "WrPageIn",
                                         "WrPoolAllocation",
                                         "WrDelayExecution",
                                         "WrSuspended",
                                         "WrUserRequest",
                                         "WrEventPair",
                                         "WrQueue",
                                         "WrLpcReceive",
                                         "WrLpcReply",
                                         "WrVirtualMemory",
                                         "WrPageOut",
                                         "WrRendezvous",
                                         "WrKeyedEvent",
                                         "WrTerminated",
                                         "WrProcessInSwap",
                                         "WrCpuRateControl",
                                         "WrCalloutStack",
                                         "WrKernel",
                                         "WrResource",
                                         "WrPushLock",
                                         "WrMutex",
                                         "WrQuantumEnd",
                                         "WrDispatchInt",
                                         "WrPreempted",
                                         "WrYieldExecution",
                                         "WrFastMutex",
                                         "WrGuardedMutex",
                                         "WrRundown",
                                         "WrAlertByThreadId",
                                         "WrDeferredPreempt",
                                         "WrPhysicalFault",
                                         "WrIoRing",
                                         "WrMdlCache",
                                         "WrRcu"};
  return reason < std::size(kNames) ? kNames[reason] : std::string_view();
}

}  // namespace ntstack::target
