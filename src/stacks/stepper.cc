#include "stacks/stepper.h"

#include <algorithm>

#include "base/text.h"
#include "stacks/trap_frame.h"

namespace ntstack::stacks {
namespace {

using target::StackKind;
using target::StackSegment;
using unwind::Trust;

constexpr std::size_t kMostFrames = 4096;
constexpr std::uint64_t kMostScan = 0x100000;  // bytes: more than any kernel stack has
constexpr std::uint64_t kFirstFrame = 0x40;  // a thread's first frame ends as near to InitialStack
constexpr std::uint64_t kNearBase = 0x1000;  // a stack's first frames lie within
constexpr int kMostLeads = 64;               // return addresses that are tried for one frame
constexpr std::size_t kMostInLead = 512;     // frames
constexpr std::uint64_t kThreadStart =
    0x400;  // bytes below a stack's base: its first frames were not called
constexpr std::string_view kUserPart = "the user part of the stack is not in this dump";
constexpr std::string_view kCrashFollows = "what follows is the stack of the crash";

// Each frame's return address and own size, from its caller's stack pointer; before a change of
// stacks, from the end of its trap frame.
void measure(Walk& walk) {
  std::vector<Frame>& frames = walk.stack.frames;
  const std::uint64_t trap_size = trap_frame_size(walk.architecture());
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Frame& frame = frames[i];
    const bool is_last = i + 1 == frames.size();
    if (!is_last) frame.return_address = frames[i + 1].ip;
    const std::uint64_t next_sp = is_last ? walk.end_sp.value_or(0) : frames[i + 1].child_sp;
    const StackSegment* here = walk.segment_of(frame.child_sp);
    const bool stays = here ? next_sp <= here->base : is_last || !walk.segment_of(next_sp);
    if (next_sp >= frame.child_sp && stays) {  // 0: an ARM64 leaf
      frame.frame_bytes = next_sp - frame.child_sp;
    } else if (frame.trap_frame && *frame.trap_frame + trap_size > frame.child_sp) {
      frame.frame_bytes = *frame.trap_frame + trap_size - frame.child_sp;
    }
  }
}

// The stacks that frames lie in, and the thread's own.
void list_segments(Walk& walk) {
  for (const StackSegment& segment : walk.known()) {
    const bool is_own = segment.kind == StackKind::thread || segment.kind == StackKind::expanded;
    if (is_own || walk.has_been_in(segment)) walk.stack.segments.push_back(segment);
  }
}

}  // namespace

bool Stepper::is_present(std::uint64_t address) const {
  std::byte byte;
  return space_.memory->read(address, std::span(&byte, 1)) == 1;
}

void Stepper::run(Walk& walk) {
  while (!walk.is_over()) {
    if (walk.stack.frames.size() >= kMostFrames) {
      walk.end(End::frame_limit, fmt::format("stopped after {} frames", kMostFrames));
    } else if (!step_exactly(walk) && !step_across_stacks(walk) && !step_by_guess(walk) &&
               !continue_below(walk)) {
      give_up(walk);
    }
  }
  walk.doubt();
  measure(walk);
  list_segments(walk);
}

std::uint64_t Stepper::end_of_scan(std::uint64_t from) const {
  return from + std::min(UINT64_MAX - from, kMostScan);
}

// Where the memory around a stack pointer ends: no stack that is not known goes on behind a hole.
std::uint64_t Stepper::end_of_memory(std::uint64_t from) const {
  constexpr std::uint64_t kPage = 0x1000;
  const std::uint64_t most = end_of_scan(from);
  if (from < looked_at_.begin || from >= looked_at_.end) looked_at_ = {from, from};
  std::uint64_t at = std::min(looked_at_.end, most);
  while (at < most && is_present(at)) {
    const std::uint64_t page_end = std::min(most, (at / kPage + 1) * kPage);
    at = is_present(page_end - 1) ? page_end : at + std::min<std::uint64_t>(8, most - at);
  }
  looked_at_.end = std::max(looked_at_.end, at);
  return at;
}

// The stack that the walk is on, as frames may use it; where none is known, what lies above.
StackLimits Stepper::limits_of(const Walk& walk) const {
  const std::uint64_t sp = sp_of(walk.registers());
  const StackSegment* here = walk.segment();
  if (!here) return {sp, end_of_memory(sp)};
  StackLimits limits{std::min(here->limit, sp), here->base};
  const auto initial = walk.stack.thread ? walk.stack.thread->initial_stack : std::nullopt;
  if (initial && here->contains(*initial) && *initial > sp) limits.high = *initial;
  return limits;
}

bool Stepper::step_exactly(Walk& walk) {
  const auto step = exact_.step(walk.registers(), walk.last().is_call_site, limits_of(walk));
  if (!step) {
    walk.last_failure = step.error();
    return false;
  }
  const Registers& next = step->caller;
  const bool is_guess = step->trust == Trust::scan;
  if (step->child_ebp && !is_guess) walk.last().child_ebp = step->child_ebp;
  if (step->crosses_trap && step->from_user) {
    // Zeros look like user mode's registers (ARM64), all of them or some.
    const bool is_empty = ip_of(next) == 0 && sp_of(next) == 0;
    if (is_empty || !is_user_address(sp_of(next), walk.architecture())) return false;
    return cross_to_user(walk, *step);
  }
  if (ip_of(next) == 0 && end_at_zero(walk, next)) return true;
  if (is_damaged(walk, *step)) return step_over_damage(walk, *step);
  if (ip_of(next) == 0) return false;
  // A guess that leads out of all modules, or any step out of all stacks, is none.
  if ((walk.is_guessing() || is_guess) && !space_.symbolizer->module_at(ip_of(next))) return false;
  const StackSegment* here = walk.segment();
  const StackSegment* there = walk.segment_of(sp_of(next));
  if (here && !there) return false;
  // On a task gate's stack what it interrupted is known for certain.
  if (is_guess && here && here->kind == StackKind::task) return false;
  if (step->crosses_trap) walk.last().trap_frame = step->trap_frame;
  // A return address outside of all modules was overwritten, or its code is gone: a guess from
  // here.
  const bool is_nowhere =
      space_.is_kernel && step->is_call_site && !space_.symbolizer->module_at(ip_of(next));
  const bool is_likely = is_guess && is_borne_out(walk, *step);
  if (is_guess && !is_likely) walk.doubt();
  if (is_likely && !walk.is_guessing()) walk.begin_guess();
  Trust trust = is_nowhere ? Trust::scan : is_likely ? Trust::reconstructed : step->trust;
  if (here != there && !is_guess && !is_nowhere) trust = Trust::stack_switch;
  walk.push(next, trust, step->is_call_site);
  if ((is_guess && !is_likely) || is_nowhere) walk.begin_guess();
  if (const Anchor* anchor = walk.anchor_with(next)) {
    settle(walk);
    if (anchor->is_end) walk.end(End::base, std::string(kCrashFollows));
  }
  return true;
}

CallEdge Stepper::edge_of(const Frame& frame, const Frame& caller) const {
  return edge_between(frame.ip, frame.is_call_site, caller.ip);
}

CallEdge Stepper::edge_between(std::uint64_t ip, bool is_call_site,
                               std::uint64_t return_address) const {
  const std::uint64_t mixed =
      (ip * 2 + (is_call_site ? 1 : 0)) ^ (return_address * 0x9e3779b97f4a7c15u);
  KnownEdge& known = edges_[(mixed ^ mixed >> 29) % edges_.size()];
  if (known.ip == ip && known.return_address == return_address &&
      known.is_call_site == is_call_site)
    return known.edge;
  const CodeAtHand at_hand{space_.architecture, &modules_, space_.memory, &code_};
  known = {ip, return_address, is_call_site, call_edge(at_hand, ip, is_call_site, return_address)};
  return known.edge;
}

// x86: a step that no record and no code decides, along the chain of frame pointers to what follows
// a call, or over a trap frame that has its marks. In a chain that comes out whole it is no guess.
bool Stepper::is_borne_out(const Walk& walk, const ExactStep& step) const {
  if (step.crosses_trap) return true;
  if (!step.child_ebp || !step.is_call_site) return false;
  const Frame& last = walk.stack.frames.back();
  const CallEdge edge = edge_between(last.ip, last.is_call_site, ip_of(step.caller));
  return edge == CallEdge::matches || edge == CallEdge::unknown;
}

void Stepper::settle(Walk& walk) const {
  if (walk.is_guessing())
    walk.confirm([&](const Frame& frame, const Frame& caller) { return edge_of(frame, caller); });
}

// Kernel mode: a return address that is none. No call returns to user mode or to nowhere, and a
// call ends before each, but for those of the frames that a thread is made with.
bool Stepper::is_damaged(const Walk& walk, const ExactStep& step) const {
  if (!space_.is_kernel || !step.is_call_site || step.crosses_trap) return false;
  if (step.trust == Trust::scan) return false;
  const std::uint64_t ip = ip_of(step.caller);
  const auto* here = walk.segment();
  if (here && here->base - std::min(here->base, sp_of(step.caller)) <= kThreadStart) return false;
  if (is_user_address(ip, space_.architecture)) return true;
  constexpr std::uint64_t kCanonical = 0xffff'8000'0000'0000;
  if (space_.architecture == base::Architecture::x64 && (ip & kCanonical) != kCanonical)
    return true;
  if (walk.is_guessing()) return false;                           // tried as it is
  if (here && !here->contains(sp_of(step.caller))) return false;  // a change of stacks
  const Frame& last = walk.stack.frames.back();
  const CallEdge edge = edge_between(last.ip, last.is_call_site, ip);
  return edge == CallEdge::no_call || edge == CallEdge::differs;
}

// The frame's size is known, the address that it returns to is not: its caller can't be told, and
// what follows is looked for.
bool Stepper::step_over_damage(Walk& walk, const ExactStep& step) {
  const StackSegment* here = walk.segment();
  const std::uint64_t sp = sp_of(step.caller);
  if (walk.is_guessing() || !here || !here->contains(sp)) return false;
  const bool wide = space_.is_64_bit();
  walk.stack.notes.push_back(
      fmt::format("the stack is damaged below {}: the return address of frame {:x} is {}, where no "
                  "call returns "
                  "to; its caller is not shown, and what follows was looked for",
                  base::address_text(sp, wide), walk.stack.frames.size() - 1,
                  base::address_text(ip_of(step.caller), wide)));
  walk.mistrust();
  walk.move_to(*here, sp);
  return step_by_guess(walk);
}

// x86: back to the stack that the frame's function left for the one that it is on, or to the task
// that a task gate interrupted.
bool Stepper::step_across_stacks(Walk& walk) {
  const auto* here = std::get_if<unwind::x86::Registers>(&walk.registers());
  const StackSegment* stack = walk.segment();
  if (!here || !stack) return false;
  if (stack->kind == StackKind::task) {
    const Anchor* interrupted = walk.anchor_between(sp_of(*here), stack->base);
    return interrupted && step_to_anchor(walk, *interrupted);
  }
  if (!walk.last().is_call_site) return false;
  const auto limits = [&](std::uint64_t address) -> std::optional<StackLimits> {
    const StackSegment* old = walk.segment_of(address);
    if (!old || old == stack || walk.has_been_in(*old)) return {};
    return StackLimits{address, old->base};
  };
  const auto step = exact_.step_back(*here, limits);
  if (!step || !limits(sp_of(step->caller))) return false;
  walk.push(step->caller, step->trust, step->is_call_site);
  return true;
}

// A system call, or an interrupt of user code: the kernel's part of the stack is whole.
bool Stepper::cross_to_user(Walk& walk, const ExactStep& step) const {
  walk.last().trap_frame = step.trap_frame;
  const bool is_anchor =
      step.trap_frame && walk.anchor_between(*step.trap_frame, *step.trap_frame + 1);
  if (is_anchor) settle(walk);
  const bool is_guess = step.trust == Trust::scan && !is_anchor;
  walk.push(step.caller, is_guess ? Trust::scan : Trust::trap_frame, false);
  walk.stack.user_registers = step.caller;
  walk.end(End::user_mode, std::string(kUserPart));
  return true;
}

// Zeros are common near a stack's base: a guess is borne out only by one where the thread's first
// frame begins, and on a stack whose base is not known a guess ends nothing.
bool Stepper::end_at_zero(Walk& walk, const Registers& next) const {
  const StackSegment* here = walk.segment();
  const bool is_base = here ? here->base - sp_of(next) <= kNearBase : !walk.is_guessing();
  // In the middle of a stack it was overwritten: what follows may still be found.
  if (!is_base && (here || walk.is_guessing())) return false;
  const auto initial = walk.stack.thread ? walk.stack.thread->initial_stack : std::nullopt;
  if (initial && sp_of(next) - (*initial - kFirstFrame) <= 2 * kFirstFrame) settle(walk);
  walk.end_sp = sp_of(next);
  walk.end(is_base ? End::base : End::lost,
           is_base ? "the return address at the stack's base is 0"
                   : "a return address in the middle of the stack is 0");
  return true;
}

// What the scan finds, but for what a PDB knows to be no code.
std::optional<unwind::ScanHit> Stepper::next_return_address(std::uint64_t from, std::uint64_t end) {
  const base::Architecture architecture = space_.architecture;
  while (auto hit = unwind::scan(modules_, *space_.memory, architecture, from, end)) {
    if (hit->verified_by_code || !is_known_as_data(hit->value)) return hit;
    from = hit->slot + 1;
  }
  return std::nullopt;
}

bool Stepper::is_known_as_data(std::uint64_t address) {
  const auto module = space_.symbolizer->module_at(address);
  const pdb::Pdb* pdb = module ? space_.symbolizer->pdb(*module) : nullptr;
  if (!pdb) return false;
  return !pdb->function_at(
      static_cast<std::uint32_t>(address - space_.symbolizer->modules()[*module].base));
}

Lead Stepper::lead_from(const Walk& walk, const Registers& start, bool is_call_site) {
  Lead lead;
  Walk trial = walk.fork();
  trial.push(start, Trust::scan, is_call_site);
  trial.begin_guess();
  while (!trial.is_over() && trial.stack.frames.size() < kMostInLead) {
    trial.last_failure.reset();
    if (step_exactly(trial) && (trial.is_over() || trial.last().trust != Trust::scan)) continue;
    if (trial.last().trust == Trust::scan && trial.stack.frames.size() > 1)
      trial.stack.frames.pop_back();  // x86: a step that is itself a guess
    else if (!trial.last_failure)
      break;
    lead.outcome = Lead::Outcome::blocked;
    break;
  }
  lead.end = trial.stack.end;
  if (trial.is_over() && !trial.is_guessing() && lead.end != End::lost)
    lead.outcome = Lead::Outcome::whole;
  const auto& frames = trial.stack.frames;
  for (std::size_t i = 1; i < frames.size(); ++i) {
    if (!frames[i].is_call_site) continue;
    const CallEdge edge = edge_of(frames[i - 1], frames[i]);
    lead.matching += edge == CallEdge::matches ? 1 : 0;
    lead.is_disproved |= is_against(edge);
  }
  lead.frames = std::move(trial.stack.frames);
  return lead;
}

// The lowest return address from which exact steps lead somewhere; where none does, the one whose
// way is whole though a call on it went elsewhere; else the lowest.
std::optional<unwind::ScanHit> Stepper::best_return_address(Walk& walk, std::uint64_t from,
                                                            std::uint64_t end) {
  std::optional<unwind::ScanHit> first, second_best;
  for (int i = 0; i < kMostLeads; ++i) {
    const auto hit = next_return_address(from, end);
    if (!hit) break;
    if (!first) first = hit;
    if (!walk.may_try_lead()) break;
    const Lead lead = lead_from(walk, registers_behind(*hit, end), true);
    // Where no code tells that a call ends there, a way that is cut short says little.
    const bool is_told = lead.outcome == Lead::Outcome::whole || lead.matching != 0 ||
                         (hit->verified_by_code && first->verified_by_code);
    // Where the image, or a register that the step needs, is missing, nothing speaks against the
    // place either.
    const bool is_open =
        space_.is_64_bit() && !lead.is_disproved && lead.outcome == Lead::Outcome::blocked;
    if ((lead.is_good() && is_told) || is_open) return hit;
    if (!second_best && lead.outcome == Lead::Outcome::whole) second_best = hit;
    from = hit->slot + 1;
  }
  return second_best ? second_best : first;
}

std::optional<unwind::ScanHit> Stepper::next_chain(std::uint64_t from, std::uint64_t end) {
  if (from >= without_chain_.begin && end <= without_chain_.end) return std::nullopt;
  const auto hit = unwind::scan_for_chain(modules_, *space_.memory, space_.architecture, from, end);
  if (!hit) without_chain_ = {from, end};
  return hit;
}

// What is known of a frame whose return address was found. Where a frame pointer was saved beside
// it (x86: below; ARM64: its record's first half), and it leads up the stack, it is taken for one.
Registers Stepper::registers_behind(const unwind::ScanHit& hit, std::uint64_t stack_end) const {
  const base::Architecture architecture = space_.architecture;
  const bool wide = space_.is_64_bit();
  const std::uint64_t width = wide ? 8 : 4;
  const std::uint64_t sp = hit.slot + width;
  Registers registers = registers_at(architecture, hit.value, sp);
  if (architecture != base::Architecture::x64) {
    const auto saved = space_.memory->pointer(hit.slot - width, wide);
    if (saved && *saved >= sp && *saved < stack_end && *saved % width == 0)
      registers = registers_at(architecture, hit.value, sp, *saved);
  }
  if (auto* arm = std::get_if<unwind::arm64::Registers>(&registers)) arm->sp_is_bound = true;
  return registers;
}

std::optional<Stepper::Place> Stepper::next_place(std::uint64_t from, std::uint64_t end) {
  const auto hit = next_return_address(from, end);
  const auto trap = next_trap_frame(from, hit ? hit->slot : end, end);
  if (trap) return Place{Place::Kind::trap_frame, trap->address, trap->registers};
  if (!hit) return std::nullopt;
  const Registers registers = registers_behind(*hit, end);
  const bool is_chained = space_.architecture != base::Architecture::x64 &&
                          frame_pointer_of(registers).value_or(0) != 0;
  return Place{is_chained ? Place::Kind::chain : Place::Kind::return_address, hit->slot, registers};
}

std::uint64_t Stepper::first_byte(const StackSegment& stack) const {
  if (is_present(stack.limit)) return stack.limit;
  return std::min(space_.memory->hole_end(stack.limit), stack.base);
}

// Whatever comes first: a trap frame, a return address, an anchor.
bool Stepper::step_by_guess(Walk& walk) {
  const std::uint64_t from = sp_of(walk.registers());
  const StackSegment* here = walk.segment();
  const std::uint64_t limit = here ? std::min(here->base, end_of_scan(from)) : end_of_memory(from);
  if (limit <= from) return false;
  const Anchor* anchor = walk.anchor_between(from, limit);
  const std::uint64_t end = anchor ? anchor->at : limit;
  auto hit = best_return_address(walk, from, end);
  if (!hit || !hit->verified_by_code) {
    if (const auto chained = next_chain(from, end)) hit = chained;
  }
  if (step_to_trap_frame(walk, from, hit ? hit->slot : end, end)) return true;
  if (hit) {
    walk.doubt();
    walk.push(registers_behind(*hit, limit), Trust::scan, true);
    walk.begin_guess();
    return true;
  }
  return anchor && step_to_anchor(walk, *anchor);
}

// The next trap frame of kernel mode that begins in [from, before), and has its bytes below `end`.
std::optional<TrapFrame> Stepper::next_trap_frame(std::uint64_t from, std::uint64_t before,
                                                  std::uint64_t end) const {
  const base::Architecture architecture = space_.architecture;
  const std::uint64_t alignment = trap_frame_alignment(architecture);
  const std::uint64_t needed = trap_frame_needs(architecture);
  for (std::uint64_t at = (from + alignment - 1) & ~(alignment - 1);
       at >= from && at < before && end - at >= needed; at += alignment) {
    if (!is_present(at + needed)) {
      // On to the first that may be there, a hole of a mebibyte at once.
      const std::uint64_t there = space_.memory->hole_end(at + needed);
      if (there - needed >= before) return std::nullopt;
      at = std::max(at, (there - needed - 1) & ~(alignment - 1));
      continue;
    }
    const auto frame = read_trap_frame(*space_.memory, at, architecture, space_.build);
    if (frame && !frame->from_user && space_.symbolizer->module_at(ip_of(frame->registers)))
      return frame;
  }
  return std::nullopt;
}

// A fault or an interrupt leaves a trap frame, and its address follows no call: a trap frame that
// begins before the next return address comes first. It may be an old one, so it counts as a guess.
bool Stepper::step_to_trap_frame(Walk& walk, std::uint64_t from, std::uint64_t before,
                                 std::uint64_t end) const {
  const auto frame = next_trap_frame(from, before, end);
  if (!frame) return false;
  walk.doubt();
  walk.last().trap_frame = frame->address;
  walk.push(frame->registers, Trust::scan, false);
  walk.begin_guess();
  return true;
}

bool Stepper::step_to_anchor(Walk& walk, const Anchor& anchor) const {
  walk.doubt();
  if (anchor.is_end) {
    walk.end(End::base, std::string(kCrashFollows));
    return true;
  }
  walk.last().trap_frame = anchor.trap_frame;
  walk.push(anchor.registers, anchor.trust, false);
  if (!anchor.from_user) return true;
  walk.stack.user_registers = anchor.registers;
  walk.end(End::user_mode, std::string(kUserPart));
  return true;
}

// The thread's stack that this one was entered from, where unwinding could not cross the switch.
bool Stepper::continue_below(Walk& walk) {
  const StackSegment* here = walk.segment();
  // Registers that somebody gave may be on a stack of another thread.
  const bool is_elsewhere = !here && (walk.last().is_user || walk.stack.start == Start::given);
  if (!walk.stack.thread || is_elsewhere) return false;
  for (const StackSegment& next : walk.stack.thread->segments) {
    if (walk.has_been_in(next)) continue;
    std::uint64_t from = next.saved_sp.value_or(0);
    if (!next.contains(from)) from = first_byte(next);
    if (!next.contains(from)) continue;
    walk.stack.notes.push_back(
        here
            ? fmt::format("the switch from the {} stack to the {} stack could not be unwound: what "
                          "is below it was scanned for",
                          target::name_of(here->kind), target::name_of(next.kind))
            : fmt::format("the stack pointer is on none of the thread's stacks: what is on its {} "
                          "stack was looked for",
                          target::name_of(next.kind)));
    walk.move_to(next, from);
    return step_by_guess(walk);
  }
  return false;
}

// x86: a thread begins with an EBP of 0. Where no record tells of its first function's frame, and
// no return address is between there and the stack's base, nothing is missing.
bool Stepper::is_where_thread_began(const Walk& walk) const {
  const auto* here = std::get_if<unwind::x86::Registers>(&walk.registers());
  const StackSegment* stack = walk.segment();
  return here && !walk.is_guessing() && here->knows(unwind::x86::ebp) &&
         here->gpr[unwind::x86::ebp] == 0 && stack && stack->kind == StackKind::thread &&
         stack->base - sp_of(*here) <= kNearBase && is_present(sp_of(*here));
}

void Stepper::give_up(Walk& walk) const {
  const std::uint64_t sp = sp_of(walk.registers());
  if (is_where_thread_began(walk)) {
    walk.end(End::base, "EBP is 0 as where a thread begins, and no return address follows");
    return;
  }
  const StackSegment* here = walk.segment();
  if (!is_present(sp) && (!here || sp < here->base)) {
    walk.end(End::memory_missing, fmt::format("the stack's memory at {} is not in the dump",
                                              base::address_text(sp, space_.is_64_bit())));
    return;
  }
  std::string reason = "no further return address was found";
  if (walk.last_failure) {
    reason += fmt::format(" ({}{})", walk.last_failure->why,
                          walk.last_failure->image_would_mend ? ": -i would mend it" : "");
  }
  walk.end(End::lost, std::move(reason));
}

}  // namespace ntstack::stacks
