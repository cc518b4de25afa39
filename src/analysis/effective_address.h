// Where an instruction's memory operands are, and whether its branch is taken, by the registers
// that it runs with.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "code/disassembler.h"
#include "stacks/registers.h"

namespace ntstack::analysis {

struct EffectiveAddress {
  std::uint64_t address = 0;  // within the segment, as debuggers show it: FS and GS are not added
  std::uint8_t size = 0;      // bytes there; 0: not known
  char segment = 'd';         // as code::MemoryOperand has it
};

// In the order of the operands' text. An operand of which a register is not known is left out, as
// are those that are never accessed (lea).
std::vector<EffectiveAddress> effective_addresses(const code::Disassembled& instruction,
                                                  const stacks::Registers& registers);

// Whether a conditional branch is taken. `flags`: EFLAGS, or ARM64's PSTATE. Nothing: it is none,
// or what decides is not known.
std::optional<bool> is_taken(const code::Disassembled& instruction, std::uint32_t flags,
                             const stacks::Registers& registers);

}  // namespace ntstack::analysis
