// One step by what is known for certain, for every architecture: unwind data, frame records, chains
// of frame pointers, trap frames.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string_view>

#include "stacks/module_map.h"
#include "stacks/registers.h"
#include "stacks/space.h"
#include "unwind/arm64_cache.h"
#include "unwind/x64_cache.h"
#include "unwind/x86_cache.h"

namespace ntstack::stacks {

struct ExactStep {
  Registers caller;
  unwind::Trust trust = unwind::Trust::unwind_info;  // scan: the step rests on a guess after all
  bool is_call_site = true;                          // the caller's IP is a return address
  bool crosses_trap = false;                         // over a machine or trap frame
  bool from_user = false;                            // that frame was made in user mode
  std::optional<std::uint64_t> trap_frame;           // address of the KTRAP_FRAME that was crossed
  std::optional<std::uint64_t> child_ebp;            // x86: of the callee, as WinDbg counts it
};

struct NoStep {
  std::string_view why;           // a sentence without a full stop
  bool image_would_mend = false;  // the module's image is what is missing
};

// The part of a stack that a step may use: [low, high).
struct StackLimits {
  std::uint64_t low = 0, high = UINT64_MAX;
};

class ExactStepper {
 public:
  // `modules` outlives this.
  ExactStepper(const Space& space, const ModuleMap& modules)
      : space_(space), modules_(modules), code_(modules), memory_(space.memory, &code_) {}

  std::expected<ExactStep, NoStep> step(const Registers& callee, bool is_call_site,
                                        StackLimits limits);

  // x86: the same for a frame whose function left another stack for the one that it is on: by its
  // code, or by a frame pointer that stayed there. Trust is stack_switch. `limits_of` gives the
  // limits of the stack that an address is on; nothing where that is none that may have been left.
  using LimitsOf = std::function<std::optional<StackLimits>(std::uint64_t address)>;
  std::expected<ExactStep, NoStep> step_back(const unwind::x86::Registers& callee,
                                             const LimitsOf& limits_of);

 private:
  using Result = std::expected<ExactStep, NoStep>;
  Result step_x64(const unwind::x64::Registers& callee, bool is_call_site);
  Result step_x86(const unwind::x86::Registers& callee, bool is_call_site, StackLimits limits);
  Result step_arm64(const unwind::arm64::Registers& callee, bool is_call_site, StackLimits limits);

  Space space_;
  const ModuleMap& modules_;
  ModuleCode code_;
  base::LayeredSource memory_;  // the space's, and code behind it
  // Of the one architecture that the machine has, made at the first step.
  std::optional<unwind::x64::RuleCache> x64_rules_;
  std::optional<unwind::arm64::RuleCache> arm64_rules_;
  std::optional<unwind::x86::RuleCache> x86_rules_;
};

}  // namespace ntstack::stacks
