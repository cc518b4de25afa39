#include "console/context.h"

#include <algorithm>

namespace ntstack::console {
namespace {

bool is_user_dump(const target::Machine& machine) {
  return machine.dump().kind == dump::Kind::minidump;
}

std::optional<RegisterContext> of_context_record(base::Bytes bytes,
                                                 base::Architecture architecture) {
  const auto registers = stacks::registers_of_context(bytes, architecture);
  if (!registers) return std::nullopt;
  return RegisterContext{*registers, flags_of_context(bytes, architecture), {}};
}

// The processor on which the context's thread runs; null: on none.
const target::Processor* running_on(const Context& context) {
  const target::Processor* processor = context.processor;
  if (!processor) return nullptr;
  const bool is_current = !context.thread || context.thread->address == processor->current_thread;
  return is_current ? processor : nullptr;
}

}  // namespace

Context context_of(const target::Machine& machine, const target::Processor& processor) {
  Context context;
  context.processor = &processor;
  context.thread = machine.thread_at(processor.current_thread);
  if (context.thread) context.process = machine.process_of(*context.thread);
  return context;
}

Context context_of(const target::Machine& machine, const target::Thread& thread) {
  Context context;
  const auto& processors = machine.processors();
  if (!processors.empty()) context.processor = &processors.front();
  for (const target::Processor& processor : processors)
    if (thread.address != 0 && processor.current_thread == thread.address)
      context.processor = &processor;
  context.thread = &thread;
  context.process = machine.process_of(thread);
  return context;
}

Context first_context(const target::Machine& machine) {
  const auto& processors = machine.processors();
  const auto crashed = std::ranges::find_if(processors, &target::Processor::crashed);
  if (crashed != processors.end()) return context_of(machine, *crashed);
  if (!processors.empty()) return context_of(machine, processors.front());
  const auto& threads = machine.threads();
  const auto wanted = std::ranges::find_if(threads, [&](const target::Thread& thread) {
    return thread.id && thread.id == machine.dump().exception_thread_id;
  });
  if (wanted != threads.end()) return context_of(machine, *wanted);
  return threads.empty() ? Context{} : context_of(machine, threads.front());
}

ContextPlace place_of(const Context& context) {
  ContextPlace place;
  if (context.processor) place.processor = context.processor->number;
  if (context.thread) {
    place.thread = context.thread->address;
    place.thread_id = context.thread->id;
  }
  if (context.process) place.process = context.process->address;
  place.given = context.given;
  place.frame = context.frame;
  place.is_set = context.is_set;
  return place;
}

Context context_at(const target::Machine& machine, const ContextPlace& place) {
  Context context;
  for (const target::Processor& processor : machine.processors())
    if (processor.number == place.processor) context.processor = &processor;
  if (place.thread != 0) context.thread = machine.thread_at(place.thread);
  for (const target::Thread& thread : machine.threads())
    if (place.thread == 0 && place.thread_id && thread.id == place.thread_id)
      context.thread = &thread;
  for (const target::Process& process : machine.processes())
    if (process.address == place.process) context.process = &process;
  context.given = place.given;
  context.frame = place.frame;
  context.is_set = place.is_set;
  return context;
}

std::optional<RegisterContext> registers_of(const Context& context,
                                            const target::Machine& machine) {
  if (context.given) return context.given;
  const dump::Dump& dump = machine.dump();
  if (const target::Processor* processor = running_on(context)) {
    std::optional<RegisterContext> found;
    if (processor->crashed) found = of_context_record(dump.context, dump.architecture);
    if (!found)
      found = of_context_record(base::Bytes(std::span(processor->context)), dump.architecture);
    if (found) return found;
  }
  if (!context.thread) return std::nullopt;
  const target::Thread& thread = *context.thread;
  if (is_user_dump(machine)) {
    const bool crashed = dump.exception_thread_id && thread.id == *dump.exception_thread_id;
    std::optional<RegisterContext> found;
    if (crashed) found = of_context_record(dump.context, dump.architecture);
    return found ? found : of_context_record(thread.context, dump.architecture);
  }
  if (!thread.kernel_stack) return std::nullopt;
  const auto switched =
      stacks::registers_of_switch_frame(machine.memory(), *thread.kernel_stack, dump.architecture);
  if (!switched) return std::nullopt;
  return RegisterContext{*switched, {}, {}};
}

}  // namespace ntstack::console
