// A CONTEXT made of registers that came in another order, so that what follows reads all alike.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/architecture.h"

namespace ntstack::dump {

// x86 and x64. The general registers in the processor's own order: rax, rcx, rdx, rbx, rsp, rbp,
// rsi, rdi, r8 to r15.
struct X86Registers {
  enum : std::size_t { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 };
  std::array<std::uint64_t, 16> gpr{};
  std::uint64_t rip = 0;
  std::uint64_t rflags = 0;
  std::uint16_t cs = 0, ss = 0, ds = 0, es = 0, fs = 0, gs = 0;
};

// The CONTEXT of the architecture, x86 or x64, with control, integer and segment registers.
std::vector<std::byte> context_of(const X86Registers& registers, base::Architecture architecture);

struct Arm64Registers {
  std::array<std::uint64_t, 31> x{};  // x29 is the frame pointer, x30 the link register
  std::uint64_t sp = 0;
  std::uint64_t pc = 0;
  std::uint32_t cpsr = 0;
};

std::vector<std::byte> context_of(const Arm64Registers& registers);

}  // namespace ntstack::dump
