#include "stacks/walker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "stacks/frame_names.h"
#include "stacks/kernel_walk_note.h"
#include "stacks/trap_frame.h"
#include "stacks/why_missing.h"

namespace ntstack::stacks {
namespace {

using target::StackSegment;
using unwind::Trust;

// The exception and the bugcheck lie at most this far apart on one stack, in bytes.
constexpr std::uint64_t kMostBetween = 0x100000;
constexpr std::uint64_t kX86FloatingPoint = 0x210;  // sizeof(FX_SAVE_AREA)

std::vector<StackSegment> stacks_of(const target::Processor& processor,
                                    const target::Thread* thread) {
  std::vector<StackSegment> all = processor.segments;
  if (thread) all.insert(all.end(), thread->segments.begin(), thread->segments.end());
  return all;
}

// As the thread was listed before its capture: "WAIT: (WrQueue)".
std::string listed_state_of(const target::Thread& thread) {
  constexpr std::uint8_t kWaiting = 5;  // KTHREAD_STATE
  if (!thread.state) return "";
  const std::string_view state = target::thread_state_name(*thread.state);
  if (*thread.state != kWaiting || !thread.wait_reason) return std::string(state);
  return fmt::format("WAIT: ({})", target::wait_reason_name(*thread.wait_reason));
}

}  // namespace

std::vector<Anchor> Walker::anchors_of(const target::Thread* thread) const {
  std::vector<Anchor> anchors;
  if (!thread) return anchors;
  const dump::Dump& dump = machine_.dump();
  const auto add = [&](std::uint64_t address) {
    const auto frame =
        read_trap_frame(machine_.memory(), address, dump.architecture, machine_.kernel().build());
    const bool known = std::ranges::find(anchors, address, &Anchor::at) != anchors.end();
    if (!frame || known) return;
    anchors.push_back(
        {address, frame->registers, Trust::trap_frame, address, frame->from_user, false});
  };
  if (thread->trap_frame.value_or(0) != 0) add(*thread->trap_frame);
  // A system call's trap frame stands at the very top of the thread's stack.
  if (!thread->initial_stack) return anchors;
  const std::uint64_t top = *thread->initial_stack - trap_frame_size(dump.architecture);
  add(top);
  // Up to Windows 7, x86 keeps the floating-point state above it.
  if (dump.architecture == base::Architecture::x86) add(top - kX86FloatingPoint);
  std::ranges::sort(anchors, {}, &Anchor::at);
  return anchors;
}

// From the processor's own context, which is younger than the crash's, down to where it happened.
std::vector<Frame> Walker::bugcheck_path(const target::Processor& processor, const Registers& crash,
                                         const Stack& stack) {
  const base::Architecture architecture = machine_.dump().architecture;
  const auto now = registers_of_context(base::Bytes(std::span(processor.context)), architecture);
  if (!now || ip_of(*now) == ip_of(crash) || sp_of(*now) >= sp_of(crash)) return {};
  if (sp_of(crash) - sp_of(*now) > kMostBetween) return {};
  Walk walk(architecture, stacks_of(processor, stack.thread),
            {{sp_of(crash), crash, Trust::context, std::nullopt, false, true}});
  walk.push(*now, Trust::context, false);
  stepper_.run(walk);
  std::vector<Frame> frames = std::move(walk.stack.frames);
  std::erase_if(frames, [&](const Frame& frame) { return frame.child_sp >= sp_of(crash); });
  name_frames(frames, symbolizer_);
  return frames;
}

// A walk that may use every stack of these. What a processor was interrupted in is an anchor: a
// task gate's or an IST's stack ends where it was entered.
Walk Walker::walk_on(std::span<const target::Processor> processors,
                     const target::Thread* thread) const {
  const base::Architecture architecture = machine_.dump().architecture;
  std::vector<Anchor> anchors = anchors_of(thread);
  std::vector<StackSegment> stacks;
  for (const target::Processor& processor : processors) {
    stacks.insert(stacks.end(), processor.segments.begin(), processor.segments.end());
    for (const target::InterruptedTask& task : processor.interrupted_tasks)
      anchors.push_back(
          {task.stack_base - 4, task.registers, Trust::stack_switch, {}, false, false});
    for (const StackSegment& stack : processor.segments) {
      if (stack.kind != target::StackKind::ist) continue;
      if (const auto frame = read_ist_frame(machine_.memory(), stack.base))
        anchors.push_back({frame->at, frame->registers, Trust::trap_frame, {}, false, false});
    }
  }
  if (thread) stacks.insert(stacks.end(), thread->segments.begin(), thread->segments.end());
  std::ranges::sort(anchors, {}, &Anchor::at);
  Walk walk(architecture, std::move(stacks), std::move(anchors));
  walk.stack.thread = thread;
  walk.stack.process = thread ? machine_.process_of(*thread) : nullptr;
  return walk;
}

// Names and what is below in user mode, and why memory is missing.
void Walker::finish(Walk& walk, const target::Thread* thread) {
  if (walk.stack.end == End::memory_missing && thread)
    walk.stack.end_reason += why_address_is_missing(machine_, sp_of(walk.registers()));
  name_frames(walk.stack.frames, symbolizer_);
  user_part_.add_to(walk.stack);
}

// Kernel registers of which neither the code nor the stack is one that is known.
bool Walker::leads_nowhere(const Walk& walk, const Registers& start) const {
  const bool is_user = is_user_address(ip_of(start), walk.architecture()) &&
                       is_user_address(sp_of(start), walk.architecture());
  return !walk.segment_of(sp_of(start)) && !symbolizer_.module_at(ip_of(start)) && !is_user;
}

Stack Walker::walk_processor(const target::Processor& processor) {
  const dump::Dump& dump = machine_.dump();
  const target::Thread* thread = machine_.thread_at(processor.current_thread);
  std::optional<Registers> crash;
  if (processor.crashed) crash = registers_of_context(dump.context, dump.architecture);
  const auto start =
      crash ? crash
            : registers_of_context(base::Bytes(std::span(processor.context)), dump.architecture);
  constexpr std::uint8_t kRunning = 2;  // KTHREAD_STATE: where it was switched away is of old
  const bool is_running = thread && thread->state == kRunning && !thread->captured;
  if (!start && thread && thread->object_present && !is_running) return walk_thread(*thread);

  Walk walk = walk_on(std::span(&processor, 1), thread);
  if (!thread || !thread->captured) walk.stack.processor = processor.number;
  if (!start && is_running) return walk_reconstructed(std::move(walk), *thread);
  if (!start) {
    walk.stack.end_reason = "neither the processor's context nor its thread is in the dump";
    return std::move(walk.stack);
  }
  if (thread && leads_nowhere(walk, *start)) {
    walk.stack.notes.push_back(
        fmt::format("the registers that the dump has of processor {} lead nowhere (instruction "
                    "pointer {}, stack "
                    "pointer {})",
                    processor.number, base::address_text(ip_of(*start), machine_.is_64_bit()),
                    base::address_text(sp_of(*start), machine_.is_64_bit())));
    return walk_reconstructed(std::move(walk), *thread);
  }
  walk.stack.start = crash ? Start::crash_context : Start::processor_context;
  if (!walk.segment_of(sp_of(*start))) {
    walk.stack.notes.push_back("the stack pointer is in none of the stacks that are known");
  }
  walk.push(*start, Trust::context, false);
  stepper_.run(walk);
  name_frames(walk.stack.frames, symbolizer_);
  user_part_.add_to(walk.stack);
  if (crash) walk.stack.bugcheck_frames = bugcheck_path(processor, *crash, walk.stack);
  return std::move(walk.stack);
}

Stack Walker::walk_from(const Registers& start, bool is_call_site, const target::Thread* thread) {
  Walk walk = walk_on(machine_.processors(), thread);
  walk.stack.start = Start::given;
  walk.stack.notes.push_back("begun at the registers given");
  if (!walk.segment_of(sp_of(start)))
    walk.stack.notes.push_back("the stack pointer is in none of the stacks that are known");
  walk.push(start, Trust::context, is_call_site);
  stepper_.run(walk);
  finish(walk, thread);
  return std::move(walk.stack);
}

// The registers that the dump has of a thread, wherever they lead.
std::vector<StartCandidate> Walker::known_starts(const target::Thread& thread,
                                                 const Walk& walk) const {
  const dump::Dump& dump = machine_.dump();
  std::vector<StartCandidate> starts;
  const auto add = [&](StartOrigin origin, const std::optional<Registers>& registers,
                       bool is_call_site) {
    if (registers && walk.segment_of(sp_of(*registers)) && symbolizer_.module_at(ip_of(*registers)))
      starts.push_back({origin, sp_of(*registers), *registers, is_call_site, {}});
  };
  for (const target::Processor& processor : machine_.processors()) {
    if (processor.current_thread != thread.address) continue;
    if (processor.crashed)
      add(StartOrigin::context, registers_of_context(dump.context, dump.architecture), false);
    const base::Bytes context(std::span(processor.context));
    add(StartOrigin::context, registers_of_context(context, dump.architecture), false);
    for (const target::InterruptedTask& task : processor.interrupted_tasks)
      add(StartOrigin::task, task.registers, false);
    for (const StackSegment& stack : processor.segments)
      if (stack.kind == target::StackKind::ist)
        if (const auto frame = read_ist_frame(machine_.memory(), stack.base))
          add(StartOrigin::ist, frame->registers, false);
  }
  if (thread.kernel_stack && !thread.processor)
    add(StartOrigin::switch_frame,
        registers_of_switch_frame(machine_.memory(), *thread.kernel_stack, dump.architecture),
        true);
  return starts;
}

std::vector<StartCandidate> Walker::starts_of(const target::Thread& thread) {
  if (thread.segments.empty()) return {};
  const auto on =
      std::ranges::find(machine_.processors(), thread.address, &target::Processor::current_thread);
  const bool is_on_one = on != machine_.processors().end();
  const Walk walk =
      walk_on(is_on_one ? std::span(&*on, 1) : std::span<const target::Processor>(), &thread);
  return find_starts(stepper_, walk, thread.segments.front(), known_starts(thread, walk));
}

// The place on the thread's stack that explains most of it, where nothing says where it was.
std::optional<StartCandidate> Walker::find_start(const target::Thread& thread, const Walk& walk) {
  if (thread.segments.empty()) return std::nullopt;
  auto starts = find_starts(stepper_, walk, thread.segments.front(), known_starts(thread, walk));
  if (starts.empty()) return std::nullopt;
  return std::move(starts.front());
}

Stack Walker::walk_reconstructed(Walk walk, const target::Thread& thread) {
  const auto start = find_start(thread, walk);
  if (!start) return without_start(walk, why_no_start(machine_, thread));
  const bool is_known = start->origin == StartOrigin::task || start->origin == StartOrigin::ist ||
                        start->origin == StartOrigin::context;
  walk.stack.start = is_known ? Start::interrupted : Start::search;
  walk.push(start->registers, is_known ? Trust::trap_frame : Trust::scan, start->is_call_site);
  if (!is_known) {
    walk.begin_guess();
    walk.stack.notes.push_back(
        start->lead.outcome == Lead::Outcome::whole
            ? "nothing says where the thread was: the stack begins at the lowest return address "
              "that "
              "leads to its base, and its youngest frames may be of calls that have returned"
            : "nothing says where the thread was, and nothing leads to the stack's base: it begins "
              "where most frames are explained");
  }
  stepper_.run(walk);
  add_state_notes(machine_, thread, walk.stack);
  finish(walk, &thread);
  return std::move(walk.stack);
}

// x86: KiSwapContext's frame lies where the switch itself needs it, and is left without its code.
void Walker::step_out_of_switch(Walk& walk, std::uint64_t kernel_stack) const {
  if (walk.architecture() != base::Architecture::x86) return;
  const auto caller = registers_below_switch_frame(machine_.memory(), kernel_stack);
  if (!caller || !symbolizer_.module_at(caller->eip)) return;
  walk.last().child_ebp = caller->gpr[unwind::x86::esp] - 8;  // below its return address
  walk.push(*caller, Trust::switch_frame, true);
}

// A user minidump's thread: from its CONTEXT, the crash's where it is the one that crashed. Of a
// WOW64 process that is the 64-bit half, unless the thread was running 32-bit code.
Stack Walker::walk_user_thread(const target::Thread& thread) {
  const dump::Dump& dump = machine_.dump();
  Walk walk(dump.architecture, thread.segments, {});
  walk.stack.thread = &thread;
  walk.stack.process = machine_.process_of(thread);
  const bool crashed = dump.exception_thread_id && thread.id == *dump.exception_thread_id;
  base::Bytes context = crashed ? dump.context : thread.context;
  auto start = registers_of_context(context, dump.architecture);
  walk.stack.start = crashed && start ? Start::crash_context : Start::thread_context;
  if (!start) start = registers_of_context(context = thread.context, dump.architecture);
  if (!start)
    return without_start(walk, {End::lost, "where the thread was running is not in the dump"});
  std::optional<unwind::x86::Registers> running;
  if (const auto* wide = std::get_if<unwind::x64::Registers>(&*start)) {
    constexpr std::uint64_t kSegCs = 0x38;  // of x64's CONTEXT
    if (is_32_bit_code(context.get_or<std::uint16_t>(kSegCs, 0))) running = narrowed(*wide);
  }
  if (!running) {
    walk.push(*start, Trust::context, false);
    stepper_.run(walk);
    name_frames(walk.stack.frames, symbolizer_);
  }
  if (machine_.is_64_bit() && thread.teb.value_or(0) != 0)
    wow64_part_.add_to(walk.stack, *thread.teb, running);
  if (running && !walk.stack.frames.empty()) walk.stack.frames.front().trust = Trust::context;
  return std::move(walk.stack);
}

// Of a file of kernel stacks: from the code that called the capturing APC's routine.
Stack Walker::walk_captured_thread(const target::Thread& thread) {
  const dump::Dump& dump = machine_.dump();
  Walk walk = walk_on({}, &thread);
  const auto start = registers_of_caller(thread.context, dump.architecture);
  if (!start)
    return without_start(walk, {End::lost, "where the thread was running is not in the dump"});
  walk.stack.start = Start::thread_context;
  if (!walk.segment_of(sp_of(*start)))
    walk.stack.notes.push_back("the stack pointer is not on the stack that the driver named");
  walk.push(*start, Trust::context, true);
  stepper_.run(walk);
  finish(walk, &thread);
  walk.stack.listed_state = listed_state_of(thread);
  const auto number = static_cast<std::size_t>(&thread - machine_.threads().data());
  std::string note =
      kernel_walk_note(walk.stack, dump.kernel_stacks->threads.at(number).frames, symbolizer_);
  if (!note.empty()) walk.stack.notes.push_back(std::move(note));
  return std::move(walk.stack);
}

Stack Walker::without_start(Walk& walk, WhyMissing why) {
  walk.stack.start = Start::none;
  walk.stack.end = why.end;
  walk.stack.end_reason = std::move(why.reason);
  if (walk.stack.thread) walk.stack.segments = walk.stack.thread->segments;
  return std::move(walk.stack);
}

Stack Walker::walk_thread(const target::Thread& thread) {
  const dump::Dump& dump = machine_.dump();
  if (dump.kind == dump::Kind::minidump) return walk_user_thread(thread);
  if (dump.kernel_stacks) return walk_captured_thread(thread);
  Walk walk = walk_on({}, &thread);
  std::optional<Registers> start;
  if (thread.kernel_stack) {
    start = registers_of_switch_frame(machine_.memory(), *thread.kernel_stack, dump.architecture);
    if (start && !symbolizer_.module_at(ip_of(*start))) start.reset();
  }
  if (!start) return walk_reconstructed(std::move(walk), thread);
  walk.stack.start = Start::switch_frame;
  walk.push(*start, Trust::switch_frame, true);
  step_out_of_switch(walk, *thread.kernel_stack);
  stepper_.run(walk);
  add_state_notes(machine_, thread, walk.stack);
  finish(walk, &thread);
  return std::move(walk.stack);
}

symbols::Symbolizer* Walker::symbolizer_of(const Stack& stack, const Frame& frame) const {
  const bool is_of_kernel = machine_.dump().kind != dump::Kind::minidump;
  return is_of_kernel && frame.is_user ? user_part_.symbolizer_of(stack, frame) : &symbolizer_;
}

std::vector<symbols::Missing> Walker::missing() const {
  std::vector<symbols::Missing> all = symbolizer_.missing();
  const std::vector<symbols::Missing> of_users = user_part_.missing();
  all.insert(all.end(), of_users.begin(), of_users.end());
  return all;
}

std::vector<Stack> Walker::walk_all(const IsWanted& is_wanted) {
  std::vector<Stack> stacks;
  const auto wants = [&](const target::Thread& thread) { return !is_wanted || is_wanted(thread); };
  std::vector<const target::Thread*> walked;
  for (const target::Processor& processor : machine_.processors()) {
    const target::Thread* thread = machine_.thread_at(processor.current_thread);
    const bool has_thread = thread && thread->object_present;
    if (!processor.crashed && processor.context.empty() && !has_thread) continue;
    if (thread ? !wants(*thread) : static_cast<bool>(is_wanted)) continue;
    if (thread && std::ranges::find(walked, thread) != walked.end()) continue;
    stacks.push_back(walk_processor(processor));
    walked.push_back(thread);
  }
  for (const target::Thread& thread : machine_.threads()) {
    const bool is_there = thread.object_present || !thread.context.empty();
    if (is_there && wants(thread) && std::ranges::find(walked, &thread) == walked.end())
      stacks.push_back(walk_thread(thread));
  }
  return stacks;
}

}  // namespace ntstack::stacks
