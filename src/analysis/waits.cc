#include "analysis/waits.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "analysis/wait_objects.h"
#include "target/facts.h"
#include "target/list.h"

namespace ntstack::analysis {
namespace {

using stacks::Frame;
using stacks::Stack;

ObjectKind kind_of_dispatcher(std::uint8_t type) {
  constexpr ObjectKind kinds[] = {ObjectKind::event,   ObjectKind::event, ObjectKind::mutant,
                                  ObjectKind::process, ObjectKind::queue, ObjectKind::semaphore,
                                  ObjectKind::thread,  ObjectKind::gate,  ObjectKind::timer,
                                  ObjectKind::timer};
  type &= 0x7f;
  return type < std::size(kinds) ? kinds[type] : ObjectKind::dispatcher;
}

bool is_user_dump(const KernelView& view) {
  return view.machine().dump().kind == dump::Kind::minidump;
}

}  // namespace

WaitReader::WaitReader(KernelView view, const stacks::SymbolizerMaker& make)
    : view_(std::move(view)),
      registers_(view_.machine(), view_.symbolizer(), make),
      arguments_(registers_) {}

const ResourceReader* WaitReader::resources() {
  if (is_user_dump(view_)) return nullptr;
  if (!resources_) resources_ = std::make_unique<ResourceReader>(view_);
  return resources_.get();
}

const std::optional<Resource>& WaitReader::resource_at(std::uint64_t address) {
  const auto [at, is_new] = resource_at_.try_emplace(address);
  const ResourceReader* reader = is_new ? resources() : nullptr;
  if (reader) at->second = reader->at(address);
  return at->second;
}

const LockEntries& WaitReader::lock_entries() {
  if (!lock_entries_) lock_entries_.emplace(view_);
  return *lock_entries_;
}

// Threads that a resource of the system's list counts among its waiters.
void WaitReader::find_listed_waiters() {
  constexpr std::size_t most = 1'000'000;
  listed_.emplace();
  const ResourceReader* reader = resources();
  const auto head = reader ? resource_list_of(view_) : base::fail("a user dump");
  if (!head) return;
  const auto list = target::walk_list(view_.memory(), *head, view_.is_64_bit(), most);
  for (const std::uint64_t address : list.entries) {
    if (view_.is_interrupted()) return;
    const auto resource = reader->at(address);
    if (!resource || !resource->doubt.empty()) continue;
    for (const auto* waiters : {&resource->waiting_exclusive, &resource->waiting_shared})
      for (const std::uint64_t thread : *waiters) listed_->try_emplace(thread, address);
  }
}

std::vector<WaitedObject> WaitReader::blocks_of(const Stack& stack, Certainty certainty) const {
  std::vector<WaitedObject> found;
  if (!stack.thread || stack.thread->address == 0) return found;
  const target::Machine& machine = view_.machine();
  const auto count = kernel_field(view_, stack.thread->address, "_KTHREAD", "WaitBlockCount");
  for (const WaitObject& each : wait_objects_of(machine, *stack.thread, count)) {
    WaitedObject object;
    object.address = each.address;
    object.kind = each.type ? kind_of_dispatcher(*each.type) : ObjectKind::dispatcher;
    if (each.type) object.type = dispatcher_name(*each.type);
    if (!each.type && machine.thread_at(each.address)) object.kind = ObjectKind::thread;
    if (!each.type && std::ranges::find(machine.processes(), each.address,
                                        &target::Process::address) != machine.processes().end())
      object.kind = ObjectKind::process;
    object.certainty = certainty;
    object.how = certainty == Certainty::fact
                     ? "by the thread's wait blocks"
                     : "by the thread's wait blocks, which its capture found";
    found.push_back(std::move(object));
  }
  return found;
}

// By the functions on the stack that wait for such objects: the surest of what they were called
// with.
std::optional<WaitedObject> WaitReader::argument_of(const Stack& stack, ObjectKind kind) {
  std::optional<WaitedObject> best;
  std::vector<FrameRegister> registers;
  const std::uint64_t alignment = view_.is_64_bit() ? 8 : 4;
  const std::size_t count = std::min(stack.frames.size(), kFramesThatWait);
  for (std::size_t i = 0; i < count; ++i) {
    const Frame& frame = stack.frames[i];
    if (frame.is_inline) continue;
    const auto function = std::ranges::find_if(wait_functions(), [&](const WaitFunction& each) {
      return each.object == kind && each.argument >= 0 && is_in(each, frame.symbol);
    });
    if (function == wait_functions().end()) continue;
    if (registers.empty()) registers = registers_.of(stack);
    const auto argument = arguments_.of(
        stack, registers, i, static_cast<unsigned>(function->argument), function->convention);
    const bool is_user = argument && stacks::is_user_address(argument->value, view_.architecture());
    if (!argument || argument->value == 0 || argument->value % alignment != 0 ||
        is_user != frame.is_user)
      continue;
    if (best && best->certainty >= argument->certainty) {
      if (best->address == argument->value && !best->container)
        best->container = argument->container;
      continue;
    }
    WaitedObject object;
    object.address = argument->value;
    object.kind = kind;
    object.certainty = argument->certainty;
    object.how = fmt::format("{}!{} waits for it: {}", frame.symbol.module, frame.symbol.name,
                             argument->how);
    object.container = argument->container;
    if (is_user) object.process = stack.process ? stack.process->id.value_or(0) : 0;
    best = std::move(object);
  }
  return best;
}

// Its memory bears out what the stack says, or contradicts it.
void WaitReader::check_resource(WaitedObject& object) {
  const auto& resource = resource_at(object.address);
  if (!resource) return;
  if (!resource->doubt.empty()) {
    object.certainty = Certainty::possible;
    object.how += "; but " + resource->doubt;
  } else if (resource->is_confirmed) {
    object.certainty = Certainty::fact;
    object.how += "; it is in the list of resources";
  }
}

// The requests of the thread that no driver has completed; one alone is what it waits for.
std::optional<WaitedObject> WaitReader::irp_of(const Stack& stack) {
  if (is_user_dump(view_) || !stack.thread || stack.thread->address == 0) return std::nullopt;
  const IrpReader reader(view_);
  if (auto named = argument_of(stack, ObjectKind::irp); named && reader.at(named->address)) {
    named->how += "; an IRP is there";
    return named;
  }
  constexpr std::size_t most = 64;
  const auto list = field_place(view_, "nt", "_ETHREAD", "IrpList");
  const auto entry = reader.header().offset_of("ThreadListEntry.Flink");
  if (!list || !entry) return std::nullopt;
  const auto walked = target::walk_list(view_.memory(), stack.thread->address + list->offset,
                                        view_.is_64_bit(), most);
  std::optional<WaitedObject> only;
  for (const std::uint64_t at : walked.entries) {
    if (!reader.at(at - *entry)) continue;
    if (only) {
      only->certainty = Certainty::possible;
      only->how = "the first of several IRPs that the thread has under way";
      break;
    }
    only.emplace();
    only->address = at - *entry;
    only->kind = ObjectKind::irp;
    only->certainty = Certainty::likely;
    only->how = "the only IRP that the thread has under way (ETHREAD.IrpList)";
  }
  return only;
}

std::optional<WaitedObject> WaitReader::message_of(const Stack& stack) const {
  if (is_user_dump(view_) || !stack.thread || stack.thread->address == 0) return std::nullopt;
  const auto message = kernel_field(view_, stack.thread->address, "_ETHREAD", "AlpcMessage");
  const std::uint64_t alignment = view_.is_64_bit() ? 8 : 4;
  if (!message || *message == 0 || *message % alignment != 0 ||
      stacks::is_user_address(*message, view_.architecture()))
    return std::nullopt;
  WaitedObject object;
  object.address = *message;
  object.kind = ObjectKind::alpc_message;
  object.certainty = Certainty::fact;
  object.how = "by ETHREAD.AlpcMessage";
  return object;
}

std::optional<WaitedObject> WaitReader::meant_by(const Stack& stack, const Wait& wait) {
  const ObjectKind kind = wait.words ? wait.words->object : ObjectKind::unknown;
  std::optional<WaitedObject> found;
  if (kind == ObjectKind::irp) found = irp_of(stack);
  if (kind == ObjectKind::alpc_message) found = message_of(stack);
  const bool is_by_argument = kind != ObjectKind::unknown && kind != ObjectKind::irp &&
                              kind != ObjectKind::alpc_message &&
                              (kind != ObjectKind::dispatcher || wait.blocks.empty());
  if (is_by_argument) found = argument_of(stack, kind);
  if (found && kind == ObjectKind::resource) check_resource(*found);
  if (found && found->certainty == Certainty::fact) return found;
  if (kind == ObjectKind::resource && stack.thread) {
    if (!listed_) find_listed_waiters();
    if (const auto at = listed_->find(stack.thread->address); at != listed_->end()) {
      WaitedObject listed;
      listed.address = at->second;
      listed.kind = kind;
      listed.certainty = Certainty::fact;
      listed.how = "the resource counts the thread among its waiters";
      return listed;
    }
  }
  if (found || !is_lock(kind) || wait.blocks.size() != 1) return found;
  found = wait.blocks.front();
  if (found->kind != ObjectKind::event && found->kind != ObjectKind::dispatcher &&
      found->kind != ObjectKind::semaphore && found->kind != ObjectKind::gate)
    return std::nullopt;
  found->kind = kind;
  found->is_event_of_lock = true;
  found->how += ": what it is woken by, not the lock itself";
  return found;
}

std::optional<Wait> WaitReader::wait_of(const Stack& stack) {
  const bool is_of_user_dump = is_user_dump(view_);
  if (!stack.thread || stack.processor) return std::nullopt;
  if (!is_of_user_dump && !target::is_waiting(*stack.thread)) return std::nullopt;
  Wait wait;
  wait.words = wait_words_of(stack);
  if (is_of_user_dump && !wait.words) return std::nullopt;
  const Certainty certainty = !stack.thread->captured ? Certainty::fact
                              : wait.words            ? Certainty::likely
                                                      : Certainty::possible;
  wait.blocks = blocks_of(stack, certainty);
  wait.meant = meant_by(stack, wait);
  return wait;
}

}  // namespace ntstack::analysis
