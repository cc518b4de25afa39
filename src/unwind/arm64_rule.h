// What a step from one address does on ARM64, for the usual frame: where the saved registers lie,
// counted from the callee's SP or FP, and a return through LR. Compiled once from unwind codes,
// applied to any registers and memory; the same to the bit as undoing the codes one by one.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>

#include "unwind/arm64_sequence.h"

namespace ntstack::unwind::arm64 {

struct Rule {
  static constexpr std::uint8_t first = 19;  // the register of slots[0]; FP and LR are the last
  static constexpr std::int32_t unit = 8;    // bytes: slots are aligned, as SP is

  std::int32_t stack = 0;                // the caller's SP, bytes from its base
  std::array<std::int16_t, 12> slots{};  // in units, of x19 to x28, FP and LR, where saved
  std::int16_t lowest = 0;               // of all slots, in units
  std::uint16_t size = 0;                // bytes from the lowest slot to the end of the highest
  std::uint16_t saved = 0;               // bit i: slots[i] is of this frame
  std::uint16_t saved_from_frame = 0;    // bit i: counted from FP instead of SP
  bool stack_from_frame = false;
  bool together = false;  // all slots count from the base that SP counts from
  bool signed_return = false;
};

// Nothing where the frame is none of these: a frame that no call made, a sequence in which FP is
// used after it was restored, registers saved twice, malformed codes, slots too far away.
std::optional<Rule> rule_of(Sequence sequence);

// The caller's registers. Errors: register_unknown, memory_missing, no_progress. Not for registers
// whose SP is a bound.
std::expected<Step, StepError> apply(const Rule& rule, const base::ByteSource& memory,
                                     const Registers& callee);

}  // namespace ntstack::unwind::arm64
