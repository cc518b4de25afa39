#include "stacks/walker.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "unwind/scan.h"

namespace ntstack::stacks {
namespace {

using target::StackKind;
using target::StackSegment;
using unwind::Trust;

constexpr std::size_t kMostFrames = 4096;
constexpr std::uint64_t kMostScan = 0x100000;  // bytes of stack: more than any kernel stack has
constexpr std::size_t kNoFrame = SIZE_MAX;

// The frames' own words for why a step failed, with what would mend it.
std::string remedy_for(unwind::x64::StepError error) {
  using enum unwind::x64::StepError;
  switch (error) {
    case no_image:
    case unwind_data_missing:
      return "; the module's image would mend it (-i)";
    default:
      return "";
  }
}

const StackSegment* segment_of(const std::vector<StackSegment>& segments, std::uint64_t sp) {
  // A stack pointer may stand at the base itself, when all is popped.
  const auto found = std::ranges::find_if(
      segments, [&](const StackSegment& s) { return sp >= s.limit && sp <= s.base; });
  return found == segments.end() ? nullptr : &*found;
}

}  // namespace

// A place on the stack where the registers are known for certain: a trap frame that the kernel
// itself points to, or a context that the dump has.
struct Walker::Anchor {
  std::uint64_t at = 0;
  Registers registers;
  Trust trust = Trust::trap_frame;
  std::optional<std::uint64_t> trap_frame;
  bool from_user = false;
  bool is_end = false;  // the walk is over here: what follows is walked elsewhere
};

struct Walker::Walk {
  Stack stack;
  Registers registers;  // of the last frame
  std::vector<Anchor> anchors;
  std::vector<StackSegment> known;  // every stack that this one may run on, the thread's own last
  std::vector<std::uint64_t> entered;     // bases of the segments that the walk has been in
  std::size_t tentative_from = kNoFrame;  // frames from here on rest on a guess
  std::optional<std::uint64_t> end_sp;    // the stack pointer after the last frame returned
  std::optional<unwind::x64::StepError> error;
  bool done = false;

  Frame& last() { return stack.frames.back(); }
  const StackSegment* segment() const { return segment_of(known, sp_of(registers)); }

  void push(const Registers& next, Trust trust, bool is_call_site,
            base::Architecture architecture) {
    Frame frame;
    frame.ip = next.rip;
    frame.child_sp = sp_of(next);
    frame.trust = trust;
    frame.is_call_site = is_call_site;
    frame.is_user = is_user_address(next.rip, architecture);
    if (architecture == base::Architecture::x86 && (next.known & (1u << unwind::x64::rbp)) != 0) {
      frame.child_ebp = next.gpr[unwind::x64::rbp];
    }
    stack.frames.push_back(std::move(frame));
    registers = next;
    enter_segment();
  }

  void enter_segment() {
    const StackSegment* here = segment();
    if (here && std::ranges::find(entered, here->base) == entered.end())
      entered.push_back(here->base);
  }

  // What was unwound from a guess is no better than the guess, unless it came out where it must.
  void doubt() {
    for (std::size_t i = tentative_from; i < stack.frames.size(); ++i) {
      stack.frames[i].trust = Trust::scan;
    }
    tentative_from = kNoFrame;
  }
  void confirm() { tentative_from = kNoFrame; }

  void finish(End end, std::string reason) {
    stack.end = end;
    stack.end_reason = std::move(reason);
    done = true;
  }
};

Walker::Walker(const target::Machine& machine, symbols::Symbolizer& symbolizer)
    : machine_(machine), symbolizer_(symbolizer), modules_(symbolizer) {}

std::vector<Walker::Anchor> Walker::anchors_of(const target::Thread* thread) const {
  std::vector<Anchor> anchors;
  if (!thread || machine_.dump().architecture != base::Architecture::x64) return anchors;
  const auto add = [&](std::uint64_t address) {
    const auto frame = read_trap_frame(machine_.memory(), address);
    const bool known = std::ranges::find(anchors, address, &Anchor::at) != anchors.end();
    if (frame && !known) {
      anchors.push_back(
          {address, frame->registers, Trust::trap_frame, address, frame->from_user, false});
    }
  };
  if (thread->trap_frame.value_or(0) != 0) add(*thread->trap_frame);
  // A system call's trap frame stands at the very top of the thread's first segment.
  if (thread->initial_stack) add(*thread->initial_stack - kTrapFrameSize);
  std::ranges::sort(anchors, {}, &Anchor::at);
  return anchors;
}

bool Walker::step_exactly(Walk& walk) const {
  const base::Architecture architecture = machine_.dump().architecture;
  if (architecture != base::Architecture::x64) return false;
  const auto step = unwind::x64::step(modules_, machine_.memory(), walk.registers,
                                      walk.last().is_call_site, &cache_);
  if (!step) {
    walk.error = step.error();
    return false;
  }
  const Registers& next = step->caller;
  const StackSegment* here = walk.segment();
  const StackSegment* there = segment_of(walk.known, sp_of(next));
  const bool user_machine_frame = step->machine_frame && step->machine_frame_from_user;
  if (step->machine_frame) walk.last().trap_frame = *step->machine_frame - kTrapFrameRip;

  if (user_machine_frame) {
    const std::uint64_t trap_frame = *walk.last().trap_frame;
    const target::Thread* thread = walk.stack.thread;
    if (thread &&
        (thread->trap_frame == trap_frame ||
         (thread->initial_stack && *thread->initial_stack - kTrapFrameSize == trap_frame))) {
      walk.confirm();
    }
    walk.push(next, Trust::trap_frame, false, architecture);
    walk.finish(End::user_mode, "the user part of the stack is not in this dump");
    return true;
  }
  if (next.rip == 0) {
    const bool at_base = !here || here->base - sp_of(next) <= 0x1000;
    if (!at_base && walk.tentative_from != kNoFrame) return false;
    walk.end_sp = sp_of(next);
    if (at_base && here) walk.confirm();
    walk.finish(at_base ? End::base : End::lost,
                at_base ? "the return address at the stack's base is 0" : "a return address is 0");
    return true;
  }
  const bool in_module = symbolizer_.module_at(next.rip).has_value();
  if (!in_module && walk.tentative_from != kNoFrame) return false;
  if (here && !there) return false;  // out of every stack that there is
  const bool switched = here != there;
  const Trust trust = switched              ? Trust::stack_switch
                      : step->machine_frame ? Trust::trap_frame
                                            : Trust::unwind_info;
  walk.push(next, trust, !step->machine_frame, architecture);
  const auto anchor = std::ranges::find_if(walk.anchors, [&](const Anchor& a) {
    return a.registers.rip == next.rip && sp_of(a.registers) == sp_of(next);
  });
  if (anchor != walk.anchors.end()) {
    walk.confirm();
    if (anchor->is_end) walk.finish(End::base, "what follows is the stack of the crash");
  }
  return true;
}

bool Walker::step_by_anchor_or_scan(Walk& walk) const {
  const base::Architecture architecture = machine_.dump().architecture;
  const std::uint64_t from = sp_of(walk.registers);
  const StackSegment* here = walk.segment();
  const std::uint64_t limit = here ? std::min(here->base, from + kMostScan) : from + kMostScan;
  if (limit <= from) return false;
  const auto anchor = std::ranges::find_if(
      walk.anchors, [&](const Anchor& a) { return a.at >= from && a.at < limit; });
  const std::uint64_t end = anchor != walk.anchors.end() ? anchor->at : limit;

  const auto hit = unwind::scan(modules_, machine_.memory(), architecture, from, end);
  if (architecture == base::Architecture::x64) {
    // A fault or an interrupt leaves a trap frame, whose address follows no call.
    const std::uint64_t last = hit ? hit->slot : end;
    const std::uint64_t first = (from + 15) & ~std::uint64_t{15};
    for (std::uint64_t at = first; at < last && at + kTrapFrameSize <= end; at += 16) {
      const auto frame = read_trap_frame(machine_.memory(), at);
      if (!frame || frame->from_user || !symbolizer_.module_at(frame->registers.rip)) continue;
      walk.doubt();
      walk.last().trap_frame = at;
      walk.push(frame->registers, Trust::scan, false, architecture);
      walk.tentative_from = walk.stack.frames.size();
      return true;
    }
  }
  if (hit) {
    walk.doubt();
    Registers next;
    next.rip = hit->value;
    next.gpr[unwind::x64::rsp] = hit->slot + (machine_.is_64_bit() ? 8 : 4);
    next.known = 1u << unwind::x64::rsp;
    walk.push(next, Trust::scan, true, architecture);
    walk.tentative_from = walk.stack.frames.size();
    return true;
  }
  if (anchor == walk.anchors.end()) return false;
  walk.doubt();
  if (anchor->is_end) {
    walk.finish(End::base, "what follows is the stack of the crash");
    return true;
  }
  walk.last().trap_frame = anchor->trap_frame;
  walk.push(anchor->registers, anchor->trust, false, architecture);
  if (anchor->from_user)
    walk.finish(End::user_mode, "the user part of the stack is not in this dump");
  return true;
}

// The stack that this one was entered from, where unwinding could not cross the switch.
bool Walker::continue_below(Walk& walk) const {
  const StackSegment* here = walk.segment();
  const target::Thread* thread = walk.stack.thread;
  if (!here || !thread) return false;
  for (const StackSegment& next : thread->segments) {
    if (std::ranges::find(walk.entered, next.base) != walk.entered.end()) continue;
    std::uint64_t from = next.saved_sp.value_or(0);
    if (!next.contains(from)) {
      from = next.limit;
      std::byte probe;
      if (machine_.memory().read(from, std::span(&probe, 1)) == 0)
        from = machine_.memory().hole_end(from);
    }
    if (!next.contains(from)) continue;
    walk.stack.notes.push_back(
        fmt::format("the switch from the {} stack to the {} stack could not be unwound: the frames "
                    "below it are scanned for",
                    target::name_of(here->kind), target::name_of(next.kind)));
    walk.registers = Registers{};
    walk.registers.gpr[unwind::x64::rsp] = from;
    walk.registers.known = 1u << unwind::x64::rsp;
    walk.entered.push_back(next.base);
    return step_by_anchor_or_scan(walk);
  }
  return false;
}

void Walker::run(Walk& walk) const {
  while (!walk.done) {
    if (walk.stack.frames.size() >= kMostFrames) {
      walk.finish(End::frame_limit, fmt::format("stopped after {} frames", kMostFrames));
      break;
    }
    if (step_exactly(walk)) continue;
    if (step_by_anchor_or_scan(walk)) continue;
    if (continue_below(walk)) continue;
    const StackSegment* here = walk.segment();
    const std::uint64_t sp = sp_of(walk.registers);
    std::byte probe;
    const bool present = machine_.memory().read(sp, std::span(&probe, 1)) == 1;
    if (!present && (!here || sp < here->base)) {
      walk.finish(End::memory_missing, fmt::format("the stack's memory at {} is not in the dump",
                                                   base::address_text(sp, machine_.is_64_bit())));
    } else {
      const std::string why = walk.error ? fmt::format(" ({}{})", unwind::x64::text_of(*walk.error),
                                                       remedy_for(*walk.error))
                                         : std::string();
      walk.finish(End::lost, "no further return address was found" + why);
    }
  }
  finish(walk);
}

void Walker::finish(Walk& walk) const {
  walk.doubt();
  std::vector<Frame>& frames = walk.stack.frames;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Frame& frame = frames[i];
    const bool last = i + 1 == frames.size();
    if (!last) frame.return_address = frames[i + 1].ip;
    const std::uint64_t next_sp = last ? walk.end_sp.value_or(0) : frames[i + 1].child_sp;
    const StackSegment* here = segment_of(walk.known, frame.child_sp);
    if (next_sp > frame.child_sp && (!here || next_sp <= here->base)) {
      frame.frame_bytes = next_sp - frame.child_sp;
    } else if (frame.trap_frame && *frame.trap_frame + kTrapFrameSize > frame.child_sp) {
      frame.frame_bytes = *frame.trap_frame + kTrapFrameSize - frame.child_sp;
    }
  }
  for (const StackSegment& segment : walk.known) {
    const bool used = std::ranges::find(walk.entered, segment.base) != walk.entered.end();
    const bool own = segment.kind == StackKind::thread || segment.kind == StackKind::expanded;
    if (used || own) walk.stack.segments.push_back(segment);
  }
  name_frames(frames);
}

// Names, and the frames that were inlined, each before the frame that holds it.
void Walker::name_frames(std::vector<Frame>& frames) const {
  std::vector<Frame> named;
  named.reserve(frames.size());
  for (Frame& frame : frames) {
    symbols::Frames names = symbolizer_.name(frame.ip, frame.is_call_site);
    for (symbols::Symbol& symbol : names.inlined) {
      Frame inlined = frame;
      inlined.is_inline = true;
      inlined.frame_bytes = 0;
      inlined.trap_frame.reset();
      inlined.symbol = std::move(symbol);
      named.push_back(std::move(inlined));
    }
    frame.symbol = std::move(names.function);
    named.push_back(std::move(frame));
  }
  frames = std::move(named);
}

void Walker::add_bugcheck_path(const target::Processor& processor, const Registers& crash,
                               Stack& stack) const {
  const base::Architecture architecture = machine_.dump().architecture;
  const auto now = registers_of_context(base::Bytes(std::span(processor.context)), architecture);
  if (!now || now->rip == crash.rip || sp_of(*now) >= sp_of(crash)) return;
  if (sp_of(crash) - sp_of(*now) > kMostScan) return;
  Walk walk;
  walk.known = stack.segments;
  walk.known.insert(walk.known.begin(), processor.segments.begin(), processor.segments.end());
  walk.anchors.push_back({sp_of(crash), crash, Trust::context, std::nullopt, false, true});
  walk.push(*now, Trust::context, false, architecture);
  run(walk);
  std::erase_if(walk.stack.frames, [&](const Frame& f) { return f.child_sp >= sp_of(crash); });
  stack.bugcheck_frames = std::move(walk.stack.frames);
}

Stack Walker::walk_processor(const target::Processor& processor) {
  const dump::Dump& dump = machine_.dump();
  Walk walk;
  walk.stack.processor = processor.number;
  walk.stack.thread = machine_.thread_at(processor.current_thread);
  if (walk.stack.thread) walk.stack.process = machine_.process_of(*walk.stack.thread);
  walk.known = processor.segments;
  if (walk.stack.thread) {
    const auto& own = walk.stack.thread->segments;
    walk.known.insert(walk.known.end(), own.begin(), own.end());
  }
  walk.anchors = anchors_of(walk.stack.thread);

  std::optional<Registers> start;
  if (processor.crashed) start = registers_of_context(dump.context, dump.architecture);
  walk.stack.start = start ? Start::crash_context : Start::processor_context;
  if (!start)
    start = registers_of_context(base::Bytes(std::span(processor.context)), dump.architecture);
  if (!start) {
    if (walk.stack.thread && walk.stack.thread->object_present)
      return walk_thread(*walk.stack.thread);
    walk.stack.start = Start::none;
    walk.stack.end_reason = "neither the processor's context nor its thread is in the dump";
    return std::move(walk.stack);
  }
  if (!segment_of(walk.known, sp_of(*start))) {
    walk.stack.notes.push_back("the stack pointer is in none of the stacks that are known");
  }
  walk.push(*start, Trust::context, false, dump.architecture);
  run(walk);
  if (walk.stack.start == Start::crash_context) add_bugcheck_path(processor, *start, walk.stack);
  return std::move(walk.stack);
}

Stack Walker::walk_thread(const target::Thread& thread) {
  const dump::Dump& dump = machine_.dump();
  Walk walk;
  walk.stack.thread = &thread;
  walk.stack.process = machine_.process_of(thread);
  walk.known = thread.segments;
  walk.anchors = anchors_of(&thread);

  std::optional<Registers> start;
  if (dump.kind == dump::Kind::minidump) {
    const bool crashed = dump.exception_thread_id && thread.id == *dump.exception_thread_id;
    if (crashed) start = registers_of_context(dump.context, dump.architecture);
    walk.stack.start = start ? Start::crash_context : Start::thread_context;
    if (!start) start = registers_of_context(thread.context, dump.architecture);
  } else if (thread.kernel_stack) {
    start = registers_of_switch_frame(machine_.memory(), *thread.kernel_stack, dump.architecture);
    walk.stack.start = Start::switch_frame;
    if (start && !symbolizer_.module_at(start->rip)) start.reset();
  }
  if (start) {
    const bool switched = walk.stack.start == Start::switch_frame;
    walk.push(*start, switched ? Trust::switch_frame : Trust::context, switched, dump.architecture);
    run(walk);
    return std::move(walk.stack);
  }
  walk.stack.start = Start::none;
  walk.stack.end_reason = "where the thread was running is not in the dump";
  walk.stack.segments = thread.segments;
  return std::move(walk.stack);
}

std::vector<Stack> Walker::walk_all() {
  std::vector<Stack> stacks;
  std::vector<const target::Thread*> walked;
  for (const target::Processor& processor : machine_.processors()) {
    const target::Thread* thread = machine_.thread_at(processor.current_thread);
    const bool anything =
        processor.crashed || !processor.context.empty() || (thread && thread->object_present);
    if (!anything) continue;
    stacks.push_back(walk_processor(processor));
    walked.push_back(thread);
  }
  for (const target::Thread& thread : machine_.threads()) {
    if (std::ranges::find(walked, &thread) != walked.end() ||
        !(thread.object_present || !thread.context.empty()))
      continue;
    stacks.push_back(walk_thread(thread));
  }
  return stacks;
}

}  // namespace ntstack::stacks
