// ARM64's atomic instructions of Armv8.1 and 8.3 (FEAT_LSE, FEAT_LRCPC), by the encodings of the
// Arm Architecture Reference Manual: Capstone 4 does not know them, and Windows' ARM64 code has
// them everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ntstack::code {

struct Atomic {
  std::string mnemonic;       // "ldaddal", "casal", "swpb"
  std::string operands;       // "w1,w0,[x0]"
  std::uint32_t written = 0;  // general registers, a bit each
};

// Nothing for other instructions.
std::optional<Atomic> atomic(std::uint32_t word);

}  // namespace ntstack::code
