#include "stacks/registers.h"

namespace ntstack::stacks {
namespace {

using unwind::x64::rbp;
using unwind::x64::rsp;

// CONTEXT of winnt.h: AMD64's Rax..R15 stand in the order of the register numbers.
constexpr std::uint64_t kX64Rax = 0x78, kX64Rip = 0xf8;
constexpr std::uint64_t kX86Ebp = 0xb4, kX86Eip = 0xb8, kX86Esp = 0xc4;
constexpr std::uint64_t kArm64Fp = 0xf0, kArm64Sp = 0x100, kArm64Pc = 0x108;
constexpr std::uint64_t kUnset = 0x4547415045474150;  // "PAGEPAGE": the dump's filling

constexpr std::uint32_t bit(int number) { return 1u << number; }

Registers plain(std::uint64_t ip, std::uint64_t sp, std::uint64_t fp) {
  Registers registers;
  registers.rip = ip;
  registers.gpr[rsp] = sp;
  registers.gpr[rbp] = fp;
  registers.known = bit(rsp) | bit(rbp);
  return registers;
}

// EFLAGS as a processor keeps them: bit 1 set, reserved bits clear.
bool is_plausible_flags(std::uint64_t flags) {
  return (flags & 0x2) != 0 && (flags & ~std::uint64_t{0x3f7fd7}) == 0;
}

}  // namespace

std::optional<Registers> registers_of_context(base::Bytes context,
                                              base::Architecture architecture) {
  std::optional<Registers> registers;
  switch (architecture) {
    case base::Architecture::x64: {
      if (!context.contains(kX64Rip, 8)) return std::nullopt;
      registers.emplace();
      for (std::size_t i = 0; i < 16; ++i)
        registers->gpr[i] = *context.get<std::uint64_t>(kX64Rax + 8 * i);
      registers->rip = *context.get<std::uint64_t>(kX64Rip);
      registers->known = 0xffff;
      break;
    }
    case base::Architecture::x86:
      if (!context.contains(kX86Esp, 4)) return std::nullopt;
      registers = plain(*context.get<std::uint32_t>(kX86Eip), *context.get<std::uint32_t>(kX86Esp),
                        *context.get<std::uint32_t>(kX86Ebp));
      break;
    case base::Architecture::arm64:
      if (!context.contains(kArm64Pc, 8)) return std::nullopt;
      registers =
          plain(*context.get<std::uint64_t>(kArm64Pc), *context.get<std::uint64_t>(kArm64Sp),
                *context.get<std::uint64_t>(kArm64Fp));
      break;
    case base::Architecture::unknown:
      return std::nullopt;
  }
  if (registers->rip == kUnset || (registers->rip == 0 && sp_of(*registers) == 0))
    return std::nullopt;
  return registers;
}

std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint64_t address) {
  // {Rip, Cs, EFlags, Rsp, Ss} end it, as the processor pushes them.
  struct Machine {
    std::uint64_t rip, cs, flags, rsp, ss;
  };
  const auto frame = memory.get<Machine>(address + kTrapFrameRip);
  if (!frame || !is_plausible_flags(frame->flags)) return std::nullopt;
  TrapFrame found{address, plain(frame->rip, frame->rsp, 0), (frame->cs & 3) == 3};
  found.registers.known &= ~bit(rbp);
  if (const auto frame_pointer = memory.get<std::uint64_t>(address + 0x158)) {
    found.registers.gpr[rbp] = *frame_pointer;
    found.registers.known |= bit(rbp);
  }
  const std::uint64_t end = address + kTrapFrameSize;
  if (found.from_user) {
    const bool selectors = (frame->cs == 0x33 || frame->cs == 0x23) && frame->ss == 0x2b;
    const bool user = is_user_address(frame->rip, base::Architecture::x64) &&
                      is_user_address(frame->rsp, base::Architecture::x64);
    return selectors && user ? std::optional(found) : std::nullopt;
  }
  // From the kernel: the processor aligned the stack down to 16 bytes and pushed on the same stack.
  const bool selectors = frame->cs == 0x10 && (frame->ss == 0x18 || frame->ss == 0);
  const bool same_stack = frame->rsp == end || frame->rsp == end + 8;
  return selectors && same_stack ? std::optional(found) : std::nullopt;
}

std::optional<Registers> registers_of_switch_frame(const base::ByteSource& memory,
                                                   std::uint64_t kernel_stack,
                                                   base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x64: {
      // KSWITCH_FRAME {P1Home..P5Home, ApcBypass, Rbp, Return}
      const auto rip = memory.get<std::uint64_t>(kernel_stack + 0x38);
      const auto frame_pointer = memory.get<std::uint64_t>(kernel_stack + 0x30);
      if (!rip || !frame_pointer || *rip == 0) return std::nullopt;
      return plain(*rip, kernel_stack + 0x40, *frame_pointer);
    }
    case base::Architecture::x86: {
      // {ExceptionList, ApcBypass, return into KiSwapContext}, then the registers that it saved
      const auto eip = memory.get<std::uint32_t>(kernel_stack + 8);
      const auto ebp = memory.get<std::uint32_t>(kernel_stack + 0xc);
      if (!eip || !ebp || *eip == 0) return std::nullopt;
      return plain(*eip, kernel_stack + 0xc, *ebp);
    }
    case base::Architecture::arm64: {
      const auto fp = memory.get<std::uint64_t>(kernel_stack);
      const auto pc = memory.get<std::uint64_t>(kernel_stack + 8);
      if (!fp || !pc || *pc == 0) return std::nullopt;
      return plain(*pc, kernel_stack + 0x10, *fp);
    }
    case base::Architecture::unknown:
      break;
  }
  return std::nullopt;
}

bool is_user_address(std::uint64_t address, base::Architecture architecture) {
  return base::is_64_bit(architecture) ? address < 0x0000'8000'0000'0000 : address < 0x8000'0000;
}

}  // namespace ntstack::stacks
