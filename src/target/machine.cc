#include "target/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "dump/header.h"
#include "target/captured_threads.h"
#include "target/kernel/kernel_lists.h"
#include "target/list.h"
#include "target/offsets/probe.h"
#include "target/structures.h"

namespace ntstack::target {
namespace {

constexpr std::uint32_t kMostProcessors = 2048;  // Windows' own limit (KiProcessorBlock)
constexpr std::size_t kMostTold = 8;  // broken lists of threads that are told of one by one
constexpr std::uint8_t kCapturedState = 0xff;  // which no thread has by itself
constexpr std::size_t kMostProcesses = 0x40000, kMostThreads = 0x100000;

Layout layout_of(const Machine& machine) {
  return {machine.offsets(), machine.dump().architecture, machine.kernel().build()};
}

// RSP, ESP or SP of a CONTEXT.
std::optional<std::uint64_t> stack_pointer_of(base::Bytes context,
                                              base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x64:
      return context.get<std::uint64_t>(0x98);
    case base::Architecture::arm64:
      return context.get<std::uint64_t>(0x100);
    case base::Architecture::x86:
      if (const auto esp = context.get<std::uint32_t>(0xc4)) return *esp;
      break;
    case base::Architecture::unknown:
      break;
  }
  return std::nullopt;
}

// The number that `name_of` gives a name to.
template <class NameOf>
std::optional<std::uint8_t> numbered(std::string_view name, NameOf name_of) {
  for (std::uint8_t i = 0; i < 0x40; ++i)
    if (!name_of(i).empty() && base::equals_ignoring_case(name_of(i), name)) return i;
  return std::nullopt;
}

}  // namespace

std::string_view name_of(FoundBy found_by) {
  switch (found_by) {
    case FoundBy::list:
      return "list";
    case FoundBy::processor:
      return "processor";
    case FoundBy::scan:
      return "scan";
    case FoundBy::container:
      break;
  }
  return "container";
}

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
    case StackKind::task:
      return "task";
    case StackKind::user:
      return "user";
    case StackKind::unknown:
      break;
  }
  return "unknown";
}

Machine::Machine(Kernel& kernel, const dwarf::TypeSource& types) : kernel_(&kernel) {
  if (dump().kind == dump::Kind::minidump) {
    list_minidump_threads();
    return;
  }
  if (dump().kernel_stacks) {
    list_kernel_stacks();
    return;
  }
  offsets_ = Offsets::of(dump().architecture, kernel.build(), kdbg() ? &*kdbg() : nullptr, types);
  probe_structures();
  if (dump().triage) find_triage_objects();
  find_processors();
  take_saved_contexts();
  find_current_threads();
  if (dump().triage)
    find_captured_threads();
  else
    list_processes();
  if (process_list_broken_ || !thread_list_broken_.empty()) scan_for_lost_objects();
  find_session_space();
  mark_crashed();
}

// What is not known of the kernel's structures is asked of them.
void Machine::probe_structures() {
  ProbeStart start{memory(), dump().architecture, process_list(), {}, {}};
  const std::uint32_t count = std::min(kernel_->processor_count(), kMostProcessors);
  for (std::uint32_t i = 0; i < count; ++i)
    if (const std::uint64_t prcb = kernel_->prcb_of(i)) start.prcbs.push_back(prcb);
  for (const dump::ModuleRecord& module : kernel_->modules())
    start.images.push_back({module.base, module.base + module.size});
  for (std::string& said : probe_offsets(start, offsets_)) warnings_.push_back(std::move(said));
}

// A triage dump keeps the crashing processor's PRCB, thread and process apart, without addresses.
// The PRCB names its thread, the thread its process.
void Machine::find_triage_objects() {
  const dump::TriageRecords& triage = *dump().triage;
  const base::SegmentSource prcb({{0, triage.prcb}});
  const Layout layout = layout_of(*this);
  const auto thread = layout.pointer(prcb, 0, Field::kprcb_current_thread);
  if (!thread || *thread == 0) return;
  const base::SegmentSource object({{0, triage.thread}});
  if (!looks_like_thread(object, 0, layout)) return;
  kernel_->memory().place(*thread, triage.thread);
  if (const auto process = layout.pointer(object, 0, Field::kthread_apc_process);
      process && *process) {
    kernel_->memory().place(*process, triage.process);
  }
}

void Machine::add_processor(Processor processor) {
  const auto known = std::ranges::find(processors_, processor.number, &Processor::number);
  if (known == processors_.end()) processors_.push_back(std::move(processor));
}

void Machine::find_processors() {
  const Layout layout = layout_of(*this);
  const std::uint32_t count = std::min(kernel_->processor_count(), kMostProcessors);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t prcb = kernel_->prcb_of(i);
    if (prcb == 0) continue;
    auto processor = read_processor(memory(), prcb, memory(), layout);
    if (!processor) continue;
    processor->number = i;
    add_processor(std::move(*processor));
  }
  if (!dump().triage) return;
  const base::SegmentSource blob({{0, dump().triage->prcb}});
  auto crashed = read_processor(blob, 0, memory(), layout);
  if (!crashed || crashed->number >= kMostProcessors) return;
  crashed->prcb = 0;
  const std::uint32_t number = crashed->number;
  add_processor(std::move(*crashed));
  std::ranges::find(processors_, number, &Processor::number)->crashed = true;
  std::ranges::sort(processors_, {}, &Processor::number);
}

// What the container saved of a processor is what it was doing; the kernel's own saved context is
// that of an older event.
void Machine::take_saved_contexts() {
  for (const dump::ProcessorRecord& record : dump().processors) {
    const auto known = std::ranges::find(processors_, record.number, &Processor::number);
    if (known == processors_.end()) {
      Processor processor;
      processor.number = record.number;
      processor.context = record.context;
      processors_.push_back(std::move(processor));
    } else if (!record.context.empty()) {
      known->context = record.context;
    }
  }
}

// The header's context is the crashing processor's: the one whose thread's or own stacks it is on.
void Machine::mark_crashed() {
  const bool is_known = std::ranges::any_of(processors_, &Processor::crashed);
  if (is_known || dump().context.empty()) return;
  const auto sp = stack_pointer_of(dump().context, dump().architecture);
  if (!sp) return;
  for (Processor& processor : processors_) {
    const Thread* thread = thread_at(processor.current_thread);
    const auto holds = [&](const StackSegment& segment) { return segment.contains(*sp); };
    processor.crashed = std::ranges::any_of(processor.segments, holds) ||
                        (thread && std::ranges::any_of(thread->segments, holds));
    if (processor.crashed) return;
  }
  // Its own stacks may not be known; what it saved is the header's context.
  for (Processor& processor : processors_) {
    const base::Bytes saved{std::span(processor.context)};
    processor.crashed = stack_pointer_of(saved, dump().architecture) == sp;
    if (processor.crashed) return;
  }
}

Thread* Machine::add_thread(std::uint64_t address, FoundBy found_by) {
  if (address == 0) return nullptr;
  const auto [known, is_new] = thread_index_.try_emplace(address, threads_.size());
  if (is_new) {
    threads_.push_back(read_thread(memory(), address, layout_of(*this)));
    threads_.back().found_by = found_by;
    add_process(threads_.back().process, found_by);
  }
  Thread& thread = threads_[known->second];
  if (found_by == FoundBy::list) thread.found_by = found_by;
  return &thread;
}

void Machine::add_process(std::uint64_t address, FoundBy found_by) {
  if (address == 0 || !memory().get<std::uint8_t>(address)) return;
  if (!process_index_.try_emplace(address, processes_.size()).second) return;
  processes_.push_back(read_process(memory(), address, layout_of(*this)));
  processes_.back().found_by = found_by;
}

void Machine::find_current_threads() {
  for (const Processor& processor : processors_) {
    Thread* thread = add_thread(processor.current_thread, FoundBy::processor);
    if (!thread) continue;
    thread->processor = processor.number;
    // Without the thread object, the PRCB still tells where its stack's base is.
    if (thread->segments.empty() && processor.rsp_base != 0) {
      const std::uint64_t base = (processor.rsp_base + 0xfff) & ~std::uint64_t{0xfff};
      thread->segments.push_back({StackKind::thread, base - 0x6000, base, false});
      if (!thread->initial_stack) thread->initial_stack = processor.rsp_base;
    }
  }
}

// A process's triage dump, or, in one of a crash, what else there may be.
void Machine::find_captured_threads() {
  const dump::TriageRecords& triage = *dump().triage;
  const std::vector<std::uint32_t> statuses = read_capture_statuses(triage);
  const auto expected = static_cast<std::size_t>(std::ranges::count(statuses, 0u));
  const CapturedObjects objects =
      find_captured_objects(triage, memory(), layout_of(*this), expected);
  if (!objects.searched.empty()) warnings_.push_back(objects.searched);
  for (const std::uint64_t address : objects.threads) {
    const Thread* thread = add_thread(address, FoundBy::container);
    if (!thread || thread->process == 0) continue;
    // Of a batch of several processes' threads, the dump has the first one's process alone.
    if (!process_index_.try_emplace(thread->process, processes_.size()).second) continue;
    Process process;
    process.address = thread->process;
    process.id = thread->process_id;
    processes_.push_back(std::move(process));
  }
  mark_captured(objects.threads);
  captures_ = requested_threads(statuses, objects.threads, [&](std::uint64_t address) {
    const Thread* thread = thread_at(address);
    return !thread || has_stack_bytes(memory(), *thread);
  });
}

// The kernel gives every thread that its APC stopped a state that none has, but the first, whose
// context is the header's; that one it enters as the first processor's current thread, which it is
// not.
void Machine::mark_captured(std::span<const std::uint64_t> objects) {
  for (const std::uint64_t address : objects) {
    Thread& thread = threads_[thread_index_.at(address)];
    thread.captured = thread.state == kCapturedState;
  }
  const auto sp = stack_pointer_of(dump().context, dump().architecture);
  if (objects.empty() || !sp || (dump().attributes & dump::attribute_live_dump) == 0) return;
  Thread& first = threads_[thread_index_.at(objects.front())];
  const auto holds = [&](const StackSegment& segment) { return segment.contains(*sp); };
  if (std::ranges::none_of(first.segments, holds)) return;
  first.captured = true;
  first.processor.reset();
}

// PsActiveProcessHead as the kernel says it, else what the system process's links lead to.
std::uint64_t Machine::process_list() const {
  if (kernel_->active_process_head() != 0) return kernel_->active_process_head();
  const std::uint64_t system = kernel_->system_process();
  const auto nt = kernel_->image();
  if (system == 0 || !nt) return 0;
  const auto links = offsets_[Field::eprocess_active_process_links];
  const auto found =
      links ? find_active_process_head(memory(), *nt, system, *links, is_64_bit()) : std::nullopt;
  return found ? *found : probe_active_process_head(memory(), *nt, system, is_64_bit()).value_or(0);
}

// Every process of PsActiveProcessHead, and every thread of each.
void Machine::list_processes() {
  const auto links = offsets_[Field::eprocess_active_process_links];
  const std::uint64_t head = process_list();
  if (!links || head == 0) {
    warnings_.push_back("the list of processes (PsActiveProcessHead) is not known");
    process_list_broken_ = true;
    return;
  }
  const ListWalk list = walk_list(memory(), head, is_64_bit(), kMostProcesses);
  process_list_broken_ = !list.broken.empty();
  if (process_list_broken_)
    warnings_.push_back(fmt::format("the list of processes is broken: {}", list.broken));
  const std::size_t before = processes_.size();
  for (const std::uint64_t entry : list.entries) {
    add_process(entry - *links, FoundBy::list);
    const auto known = process_index_.find(entry - *links);
    if (known != process_index_.end()) processes_[known->second].found_by = FoundBy::list;
  }
  // The idle process, which only the processors led to, is in no list.
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    if (i < before && processes_[i].id == std::uint64_t{0}) continue;
    list_threads(processes_[i]);
  }
}

void Machine::find_session_space() {
  std::vector<std::uint64_t> roots;
  for (const Process& process : processes_)
    if (process.directory_table_base) roots.push_back(*process.directory_table_base);
  kernel_->find_session_space(roots);
}

void Machine::list_threads(const Process& process) {
  const std::uint64_t address = process.address;
  const std::string name = process.name;
  struct Place {
    Field head, entry;
  };
  for (const Place place :
       {Place{Field::eprocess_thread_list_head, Field::ethread_thread_list_entry},
        Place{Field::kprocess_thread_list_head, Field::kthread_thread_list_entry}}) {
    const auto head = offsets_[place.head], entry = offsets_[place.entry];
    if (!head || !entry) continue;
    const ListWalk list = walk_list(memory(), address + *head, is_64_bit(), kMostThreads);
    for (const std::uint64_t at : list.entries) add_thread(at - *entry, FoundBy::list);
    if (list.broken.empty()) {
      thread_list_broken_.erase(address);
      return;
    }
    thread_list_broken_.insert(address);
    if (place.head == Field::kprocess_thread_list_head && thread_list_broken_.size() <= kMostTold)
      warnings_.push_back(fmt::format("the list of threads of {} is broken: {}",
                                      base::printable(name), list.broken));
  }
}

void Machine::list_minidump_threads() {
  Process process;
  process.id = dump().process_id;
  if (!dump().modules.empty()) process.name = dump().modules.front().path;
  processes_.push_back(process);
  for (const dump::ThreadRecord& record : dump().threads) {
    Thread thread;
    thread.id = record.id;
    thread.process_id = dump().process_id;
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
  const auto found = thread_index_.find(address);
  return found == thread_index_.end() ? nullptr : &threads_[found->second];
}

const Process* Machine::process_of(const Thread& thread) const {
  const bool is_of_one = dump().kind == dump::Kind::minidump || dump().kernel_stacks;
  if (is_of_one) return processes_.data();
  const auto found = process_index_.find(thread.process);
  return found == process_index_.end() ? nullptr : &processes_[found->second];
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

std::optional<std::uint8_t> thread_state_named(std::string_view name) {
  return numbered(name, thread_state_name);
}

std::optional<std::uint8_t> wait_reason_named(std::string_view name) {
  return numbered(name, wait_reason_name);
}

}  // namespace ntstack::target
