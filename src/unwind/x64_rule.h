// What a step from one address does: where the caller's registers lie, counted from the callee's
// RSP or frame register. Compiled once from unwind data, applied to any registers and memory.
#pragma once

#include <array>
#include <cstdint>
#include <expected>

#include "unwind/x64.h"

namespace ntstack::unwind::x64 {

// The registers that a callee keeps for its caller, in the order of a rule's slots.
inline constexpr std::array<std::uint8_t, 8> kNonvolatile = {rbx, rbp, rsi, rdi,
                                                             r12, r13, r14, r15};

enum class Exit : std::uint8_t { returns, machine_frame, machine_frame_with_error_code };

struct Rule {
  // Offsets of the slots of saved registers: slots[i] is of kNonvolatile[i], where bit i of `saved`
  // is set; from the frame register instead of RSP where bit i of `saved_from_frame` is.
  std::array<std::int32_t, 8> slots{};
  std::int32_t return_slot = 0;  // of the return address, or of the machine frame's RIP
  std::int32_t lowest_slot = 0;
  std::uint16_t argument_bytes = 0;  // that `ret n` removes
  std::uint8_t saved = 0;
  std::uint8_t saved_from_frame = 0;
  std::uint8_t frame_register = 0;
  bool return_from_frame = false;
  // All slots lie between lowest_slot and return_slot, counted from the same register.
  bool together = false;
  Exit exit = Exit::returns;
};

// The rule at `rip`. Errors: all of StepError but those of registers and stack memory.
std::expected<Rule, StepError> rule_at(const CodeMap& code, const base::ByteSource& memory,
                                       std::uint64_t rip, bool is_call_site);

// The caller's registers. Errors: register_unknown, memory_missing, no_progress.
std::expected<Step, StepError> apply(const Rule& rule, const base::ByteSource& memory,
                                     const Registers& callee);

}  // namespace ntstack::unwind::x64
