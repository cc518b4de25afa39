#include "analysis/near_limit.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "analysis/stack_room.h"
#include "base/text.h"
#include "stacks/registers.h"

namespace ntstack::analysis {
namespace {

using target::StackSegment;
using target::Thread;

constexpr std::uint8_t kTerminated = 4;   // KTHREAD_STATE
constexpr std::uint64_t kGuard = 0x1000;  // bytes below a limit that nothing else has

// Public codes of bugchecks (bugcodes.h).
constexpr std::uint32_t kMemoryManagement = 0x1a, kPanicStackSwitch = 0x2b, kPageFault = 0x50,
                        kKernelTrap = 0x7f, kSecurityCheck = 0x139, kCookie = 0xf7,
                        kDoubleFault = 8, kSmallDump = 0x10000000;

// Where the thread is by its processor's context; nothing where that is on another stack.
std::optional<std::uint64_t> sp_on_processor(const target::Machine& machine, const Thread& thread) {
  for (const target::Processor& processor : machine.processors()) {
    if (processor.current_thread != thread.address) continue;
    const dump::Dump& dump = machine.dump();
    auto registers = processor.crashed
                         ? stacks::registers_of_context(dump.context, dump.architecture)
                         : std::nullopt;
    if (!registers)
      registers = stacks::registers_of_context(base::Bytes(std::span(processor.context)),
                                               dump.architecture);
    return registers ? std::optional(stacks::sp_of(*registers)) : std::nullopt;
  }
  return {};
}

const StackSegment* segment_of(const Thread& thread, std::uint64_t sp) {
  const auto found = std::ranges::find_if(thread.segments, [&](const StackSegment& s) {
    return s.base > s.limit && sp <= s.base && sp >= s.limit - std::min(s.limit, kGuard);
  });
  return found == thread.segments.end() ? nullptr : &*found;
}

std::optional<ThreadRoom> room_of(const target::Machine& machine, const Thread& thread) {
  ThreadRoom room;
  room.thread = &thread;
  std::optional<std::uint64_t> sp = thread.kernel_stack;
  if (thread.processor) {
    sp = sp_on_processor(machine, thread);
    room.is_on_processor = true;
  }
  const StackSegment* segment = sp ? segment_of(thread, *sp) : nullptr;
  if (!segment || !segment->limit_known) return {};
  room.use = use_of(*segment, *sp, machine.dump().architecture);
  look_at_room(machine, &thread, room.use);
  return room;
}

// The thread below whose stack an address lies, within its guard page.
const Thread* overflowed_at(const target::Machine& machine, std::uint64_t address) {
  for (const Thread& thread : machine.threads())
    for (const StackSegment& segment : thread.segments)
      if (address < segment.limit && segment.limit - address <= kGuard) return &thread;
  return nullptr;
}

std::string by_bugcheck(const target::Machine& machine, bool& is_smashed) {
  const auto& bugcheck = machine.dump().bugcheck;
  if (!bugcheck) return "";
  const std::uint32_t code = bugcheck->code & ~kSmallDump;
  const auto& parameters = bugcheck->parameters;
  if (code == kKernelTrap && parameters[0] == kDoubleFault)
    return "bugcheck 7f with 8 is a double fault: as a rule a kernel stack that is full";
  if (code == kPanicStackSwitch) return "bugcheck 2b is a kernel stack that is full";
  is_smashed = code == kCookie || (code == kSecurityCheck && parameters[0] == 2);
  if (is_smashed) return "the cookie of a stack frame was written over";
  const std::uint64_t address = code == kMemoryManagement ? parameters[1] : parameters[0];
  if (code != kPageFault && code != kMemoryManagement) return "";
  const Thread* thread = overflowed_at(machine, address);
  if (!thread) return "";
  return fmt::format("bugcheck {:x} is of {}, in the guard page below a stack of thread {}", code,
                     base::address_text(address, machine.is_64_bit()),
                     base::address_text(thread->address, machine.is_64_bit()));
}

}  // namespace

SegmentUse use_of(const StackSegment& segment, std::uint64_t sp, base::Architecture architecture) {
  stacks::Stack stack;
  stacks::Frame frame;
  frame.child_sp = sp;
  stack.segments = {segment};
  stack.frames = {frame};
  const StackAccount account = account_of(stack, architecture);
  return account.segments.empty() ? SegmentUse{} : account.segments.front();
}

NearLimits threads_by_room(const target::Machine& machine) {
  NearLimits found;
  for (const Thread& thread : machine.threads()) {
    if (thread.state == kTerminated) {
      ++found.terminated;
      continue;
    }
    if (auto room = room_of(machine, thread))
      found.threads.push_back(std::move(*room));
    else
      ++found.not_known;
  }
  std::ranges::stable_sort(found.threads, {}, [](const ThreadRoom& each) { return each.use.left; });
  return found;
}

StackCrash stack_crash_of(const target::Machine& machine, const stacks::Stack* crashed) {
  StackCrash crash;
  crash.sentence = by_bugcheck(machine, crash.is_smashed);
  if (crash || !crashed || !machine.dump().bugcheck) return crash;
  for (const auto* frames : {&crashed->frames, &crashed->bugcheck_frames})
    for (const stacks::Frame& frame : *frames)
      if (frame.symbol.module == "nt" && frame.symbol.name == "KiDoubleFaultAbort")
        crash.sentence = "nt!KiDoubleFaultAbort is on the stack: it is that of a double fault";
  if (crash || crashed->frames.empty()) return crash;
  for (const StackSegment& segment : crashed->segments) {
    const std::uint64_t sp = crashed->frames.front().child_sp;
    if (segment.limit_known && sp < segment.limit && segment.limit - sp <= kGuard)
      crash.sentence = "the stack pointer is below the stack's limit";
  }
  return crash;
}

}  // namespace ntstack::analysis
