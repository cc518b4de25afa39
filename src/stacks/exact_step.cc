#include "stacks/exact_step.h"

#include <algorithm>

#include "stacks/trap_frame.h"
#include "stacks/x86_switch.h"
#include "unwind/arm64_chain.h"

namespace ntstack::stacks {
namespace {

namespace x64 = unwind::x64;
namespace x86 = unwind::x86;
namespace arm64 = unwind::arm64;
using unwind::Trust;

constexpr std::uint64_t kX64TrapFrameRip = 0x168;  // of a KTRAP_FRAME, which a machine frame ends

template <class StepError>
NoStep reason(StepError error) {
  return {text_of(error), error == StepError::no_image || error == StepError::unwind_data_missing};
}

std::uint32_t narrow(std::uint64_t address) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(address, UINT32_MAX));
}

// The end of a chain of frame pointers, which no record tells of: a return address of 0.
std::optional<ExactStep> end_of_chain(const base::ByteSource& memory, const x86::Registers& callee,
                                      StackLimits limits) {
  const std::uint32_t frame = callee.gpr[x86::ebp];
  if (!callee.knows(x86::ebp) || frame < callee.gpr[x86::esp] || frame % 4 != 0) return {};
  if (frame < limits.low || frame >= limits.high) return {};
  if (memory.get<std::uint64_t>(frame) != 0u) return {};  // the saved EBP, the return address
  ExactStep step{registers_at(base::Architecture::x86, 0, frame + 8),
                 Trust::frame_pointer,
                 true,
                 false,
                 false,
                 {},
                 frame};
  return step;
}

}  // namespace

ExactStepper::Result ExactStepper::step(const Registers& callee, bool is_call_site,
                                        StackLimits limits) {
  if (const auto* wide = std::get_if<x64::Registers>(&callee)) return step_x64(*wide, is_call_site);
  if (const auto* small = std::get_if<x86::Registers>(&callee))
    return step_x86(*small, is_call_site, limits);
  return step_arm64(std::get<arm64::Registers>(callee), is_call_site, limits);
}

ExactStepper::Result ExactStepper::step_back(const x86::Registers& callee,
                                             const LimitsOf& limits_of) {
  constexpr NoStep kNone{"nothing leads back to another stack", false};
  const auto is_old_stack = [&](std::uint32_t address) { return limits_of(address).has_value(); };
  Result step = std::unexpected(kNone);
  if (auto there = registers_on_old_stack(memory_, callee, is_old_stack)) {
    const auto caller = leave_function(memory_, *there);
    if (caller && modules_.find(caller->eip))
      return ExactStep{*caller, Trust::stack_switch, true, false, false, {}, {}};
    step = step_x86(*there, false, *limits_of(there->gpr[x86::esp]));
  } else if (callee.knows(x86::ebp) && is_old_stack(callee.gpr[x86::ebp])) {
    x86::Registers stayed = callee;
    stayed.gpr[x86::esp] = callee.gpr[x86::ebp];
    step = step_x86(stayed, true, *limits_of(callee.gpr[x86::ebp]));
  }
  if (step && (step->trust == Trust::scan || step->crosses_trap)) return std::unexpected(kNone);
  if (step) step->trust = Trust::stack_switch;
  return step;
}

ExactStepper::Result ExactStepper::step_x64(const x64::Registers& callee, bool is_call_site) {
  if (!x64_rules_) x64_rules_.emplace(space_.rule_bits());
  const auto found = x64::step(modules_, *space_.memory, callee, is_call_site, &*x64_rules_);
  if (!found) return std::unexpected(reason(found.error()));
  ExactStep step{found->caller, found->trust, !found->machine_frame, false, false, {}, {}};
  if (found->machine_frame) {
    step.crosses_trap = true;
    step.from_user = found->machine_frame_from_user;
    step.trap_frame = *found->machine_frame - kX64TrapFrameRip;
  }
  return step;
}

ExactStepper::Result ExactStepper::step_x86(const x86::Registers& callee, bool is_call_site,
                                            StackLimits limits) {
  x86::StackRange range{narrow(limits.low), narrow(limits.high), {}};
  if (space_.is_kernel) range.traps = trap_layout(space_.build);
  if (!x86_rules_) x86_rules_.emplace(space_.rule_bits());
  const auto found = x86::step(modules_, memory_, callee, is_call_site, range, &*x86_rules_);
  if (!found) {
    if (const auto end = end_of_chain(*space_.memory, callee, limits)) return *end;
    return std::unexpected(NoStep{x86::text_of(found.error()), false});
  }
  ExactStep step{found->caller, found->trust, true, false, false, {}, found->return_slot - 4};
  if (found->trap_frame) {
    step.is_call_site = false;
    step.crosses_trap = true;
    step.from_user = found->trap_from_user;
    step.trap_frame = step.child_ebp = *found->trap_frame;
  }
  return step;
}

ExactStepper::Result ExactStepper::step_arm64(const arm64::Registers& callee, bool is_call_site,
                                              StackLimits limits) {
  const base::ByteSource& memory = *space_.memory;
  if (!arm64_rules_) arm64_rules_.emplace(space_.rule_bits());
  auto found = arm64::step(modules_, memory, callee, is_call_site, &*arm64_rules_);
  if (!found) {
    using arm64::StepError;
    const StepError error = found.error();
    // What the unwind data says goes first; the chain serves where there is none to be had.
    if (error != StepError::no_image && error != StepError::unwind_data_missing &&
        error != StepError::register_unknown)
      return std::unexpected(reason(error));
    found = arm64::step_by_frame_pointer(memory, callee, is_call_site, limits.high);
    if (!found) return std::unexpected(reason(error));
  }
  ExactStep step{found->caller, found->trust, found->is_call_site, false, false, {}, {}};
  if (found->frame != arm64::Frame::none) {
    step.crosses_trap = true;
    step.from_user =
        found->from_user || is_user_address(found->caller.pc, base::Architecture::arm64);
    if (found->frame == arm64::Frame::trap_frame) step.trap_frame = found->frame_address;
  }
  return step;
}

}  // namespace ntstack::stacks
