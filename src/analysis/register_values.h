// What is in registers along a straight piece of code, as far as the code alone tells: addresses
// that it computes, and what it loads from memory at fixed addresses.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "code/disassembler.h"

namespace ntstack::analysis {

struct KnownValue {
  enum Kind : std::uint8_t { constant, from_memory } kind = constant;
  std::uint64_t value = 0;  // or the address of the memory
};

// A memory place of an instruction as base + displacement, of registers that were not set before.
struct AtRegister {
  code::RegisterNumber base = 0;
  std::uint64_t displacement = 0;
};

class RegisterValues {
 public:
  // At a place that other code may branch to, nothing is known.
  void forget() { known_ = {}; }
  void apply(const code::Disassembled& instruction);
  std::optional<KnownValue> of(code::RegisterNumber number) const {
    return known_.at(number).value;
  }
  // It holds what is at a register that has kept its value since.
  std::optional<AtRegister> loaded_at(code::RegisterNumber number) const {
    return known_.at(number).at;
  }
  // The address that a `sum` or `loaded_at` comes to, before apply().
  std::optional<std::uint64_t> address_of(const code::Leaves& leaves) const;

 private:
  struct Entry {
    std::optional<KnownValue> value;
    std::optional<AtRegister> at;
  };
  std::array<Entry, 32> known_;
};

}  // namespace ntstack::analysis
