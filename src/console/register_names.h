// Registers by name, and as the command `r` shows them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "stacks/registers.h"

namespace ntstack::console {

// What a CONTEXT or a trap frame has beside the general registers.
struct ProcessorFlags {
  std::uint32_t flags = 0;  // EFLAGS; ARM64: PSTATE
  std::uint16_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
};
std::optional<ProcessorFlags> flags_of_context(base::Bytes context,
                                               base::Architecture architecture);

struct RegisterValue {
  std::optional<std::uint64_t> value;  // nothing: this frame's is not known
  unsigned bits = 64;
};
// "rax", "eax", "al", "x0", "fp", "sp", in any case of letters. Nothing: no such register.
std::optional<RegisterValue> register_named(const stacks::Registers& registers,
                                            std::string_view name);

// As kd shows them; what is not known has question marks.
std::string registers_text(const stacks::Registers& registers,
                           const std::optional<ProcessorFlags>& flags);

}  // namespace ntstack::console
