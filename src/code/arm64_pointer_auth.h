// ARM64's pointer authentication and branch target identification, by the encodings of the Arm
// Architecture Reference Manual (FEAT_PAuth, FEAT_BTI).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace ntstack::code {

struct PointerAuth {
  enum Kind : std::uint8_t { other, call, jump, returns };
  std::string mnemonic;  // "paciasp", "blraa"
  std::string operands;  // "x8,sp"
  Kind kind = other;
  // Where a call or jump leads, or what an instruction writes.
  std::optional<std::uint8_t> target, written;
};

// Nothing for other instructions.
std::optional<PointerAuth> pointer_auth(std::uint32_t word);

// x0, fp, lr; 31 is sp or xzr.
std::string arm64_register(std::uint8_t number, bool is_stack_pointer);

}  // namespace ntstack::code
