// The 32-bit part of a WOW64 thread's stack: code of its own kind on a stack of its own, beside the
// 64-bit stack on which the thread enters the kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "stacks/stack.h"
#include "stacks/stepper.h"

namespace ntstack::stacks {

// True where 64-bit user registers are those of 32-bit code: CS is that of compatibility mode.
bool is_32_bit_code(std::uint16_t cs);

class Wow64Part {
 public:
  // `memory` is the process's, `symbolizer` has its 32-bit images; both outlive this.
  Wow64Part(const base::ByteSource& memory, symbols::Symbolizer& symbolizer, std::uint32_t build)
      : memory_(memory),
        symbolizer_(symbolizer),
        stepper_({base::Architecture::x86, build, &memory, &symbolizer, false}) {}

  // Appends the frames of the thread's 32-bit code; does nothing for a thread that has none. `teb`
  // is the 64-bit one. `running`: the registers with which the thread runs 32-bit code; without
  // them those count that WOW64 keeps since the thread left it.
  void add_to(Stack& stack, std::uint64_t teb,
              const std::optional<unwind::x86::Registers>& running);

 private:
  const base::ByteSource& memory_;
  symbols::Symbolizer& symbolizer_;
  Stepper stepper_;
};

// The 32-bit halves of 64-bit registers.
unwind::x86::Registers narrowed(const unwind::x64::Registers& registers);

}  // namespace ntstack::stacks
