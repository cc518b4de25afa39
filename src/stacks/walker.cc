#include "stacks/walker.h"

#include <algorithm>

#include "stacks/frame_names.h"
#include "stacks/trap_frame.h"
#include "stacks/why_missing.h"

namespace ntstack::stacks {
namespace {

using target::StackSegment;
using unwind::Trust;

// The exception and the bugcheck lie at most this far apart on one stack, in bytes.
constexpr std::uint64_t kMostBetween = 0x100000;
constexpr int kMostStarts = 512;  // return addresses that are tried as a thread's start
constexpr std::uint64_t kX86FloatingPoint = 0x210;  // sizeof(FX_SAVE_AREA)

std::vector<StackSegment> stacks_of(const target::Processor& processor,
                                    const target::Thread* thread) {
  std::vector<StackSegment> all = processor.segments;
  if (thread) all.insert(all.end(), thread->segments.begin(), thread->segments.end());
  return all;
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

Stack Walker::walk_processor(const target::Processor& processor) {
  const dump::Dump& dump = machine_.dump();
  const target::Thread* thread = machine_.thread_at(processor.current_thread);
  std::optional<Registers> crash;
  if (processor.crashed) crash = registers_of_context(dump.context, dump.architecture);
  const auto start =
      crash ? crash
            : registers_of_context(base::Bytes(std::span(processor.context)), dump.architecture);
  if (!start && thread && thread->object_present) return walk_thread(*thread);

  std::vector<Anchor> anchors = anchors_of(thread);
  // A task gate's stack ends where it was entered: what follows is the task that it interrupted.
  for (const target::InterruptedTask& task : processor.interrupted_tasks)
    anchors.push_back({task.stack_base - 4, task.registers, Trust::stack_switch, {}, false, false});
  std::ranges::sort(anchors, {}, &Anchor::at);
  Walk walk(dump.architecture, stacks_of(processor, thread), std::move(anchors));
  if (!thread || !thread->captured) walk.stack.processor = processor.number;
  walk.stack.thread = thread;
  walk.stack.process = thread ? machine_.process_of(*thread) : nullptr;
  if (!start) {
    walk.stack.end_reason = "neither the processor's context nor its thread is in the dump";
    return std::move(walk.stack);
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

// The lowest return address on the thread's stack from which exact steps reach the way into user
// mode or the stack's base: where nothing says where the thread was.
std::optional<Registers> Walker::find_start(const target::Thread& thread) {
  if (thread.segments.empty()) return std::nullopt;
  const StackSegment& stack = thread.segments.front();
  const base::ByteSource& memory = machine_.memory();
  std::uint64_t from =
      memory.get<std::uint8_t>(stack.limit) ? stack.limit : memory.hole_end(stack.limit);
  for (int i = 0; i < kMostStarts && stack.contains(from); ++i) {
    const auto candidate = stepper_.next_candidate(from, stack.base);
    if (!candidate) break;
    Walk trial(machine_.dump().architecture, thread.segments, anchors_of(&thread));
    trial.stack.thread = &thread;
    trial.push(candidate->registers, Trust::scan, true);
    trial.begin_guess();
    stepper_.run(trial);
    const auto& frames = trial.stack.frames;
    if (frames.size() > 2 && std::ranges::all_of(frames.begin() + 1, frames.end(), [](auto& frame) {
          return frame.trust != Trust::scan;
        }))
      return candidate->registers;
    from = candidate->slot + 1;
  }
  return std::nullopt;
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
  Walk walk(dump.architecture, thread.segments, anchors_of(&thread));
  walk.stack.thread = &thread;
  walk.stack.process = machine_.process_of(thread);

  std::optional<Registers> start;
  if (thread.kernel_stack) {
    start = registers_of_switch_frame(machine_.memory(), *thread.kernel_stack, dump.architecture);
    if (start && !symbolizer_.module_at(ip_of(*start))) start.reset();
  }
  const bool is_switched = start.has_value();
  if (!start) start = find_start(thread);
  if (!start) return without_start(walk, why_no_start(machine_, thread));
  walk.stack.start = is_switched ? Start::switch_frame : Start::search;
  walk.push(*start, is_switched ? Trust::switch_frame : Trust::scan, true);
  if (is_switched) {
    step_out_of_switch(walk, *thread.kernel_stack);
  } else {
    walk.begin_guess();
    walk.stack.notes.push_back(
        "nothing says where the thread was: the stack begins at the lowest return address that "
        "leads to its base, and its youngest frames may be of calls that have returned");
  }
  stepper_.run(walk);
  if (walk.stack.end == End::memory_missing)
    walk.stack.end_reason += why_address_is_missing(machine_, sp_of(walk.registers()));
  add_state_notes(machine_, thread, walk.stack);
  name_frames(walk.stack.frames, symbolizer_);
  user_part_.add_to(walk.stack);
  return std::move(walk.stack);
}

Stack Walker::walk_from(const Registers& start, bool is_call_site, const target::Thread* thread) {
  std::vector<StackSegment> known;
  std::vector<Anchor> anchors = anchors_of(thread);
  for (const target::Processor& processor : machine_.processors()) {
    known.insert(known.end(), processor.segments.begin(), processor.segments.end());
    for (const target::InterruptedTask& task : processor.interrupted_tasks)
      anchors.push_back(
          {task.stack_base - 4, task.registers, Trust::stack_switch, {}, false, false});
  }
  std::ranges::sort(anchors, {}, &Anchor::at);
  if (thread) known.insert(known.end(), thread->segments.begin(), thread->segments.end());
  Walk walk(machine_.dump().architecture, std::move(known), std::move(anchors));
  walk.stack.thread = thread;
  walk.stack.process = thread ? machine_.process_of(*thread) : nullptr;
  walk.stack.start = Start::thread_context;
  walk.stack.notes.push_back("begun at the registers given");
  if (!walk.segment_of(sp_of(start)))
    walk.stack.notes.push_back("the stack pointer is in none of the stacks that are known");
  walk.push(start, Trust::context, is_call_site);
  stepper_.run(walk);
  name_frames(walk.stack.frames, symbolizer_);
  user_part_.add_to(walk.stack);
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
