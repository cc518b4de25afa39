#include "stacks/trap_frame.h"

#include "unwind/x86_trap.h"

namespace ntstack::stacks {
namespace {

constexpr std::uint64_t kX64Size = 0x190, kX64Rip = 0x168, kX64Rbp = 0x158;
// From the public .NET runtime's unwinder: SPSR, SP, X0 to X18, LR, FP, PC.
constexpr std::uint64_t kArm64Size = 0x150, kArm64Spsr = 0x90, kArm64Sp = 0x98, kArm64X0 = 0xa0,
                        kArm64Lr = 0x138;
constexpr std::uint32_t kFirstWindows81 = 9600;

// EFLAGS as a processor keeps them: bit 1 set, reserved bits clear.
bool is_plausible_flags(std::uint64_t flags) {
  return (flags & 0x2) != 0 && (flags & ~std::uint64_t{0x3f7fd7}) == 0;
}

std::optional<TrapFrame> read_x64(const base::ByteSource& memory, std::uint64_t address) {
  // {Rip, Cs, EFlags, Rsp, Ss} end it, as the processor pushes them.
  struct Machine {
    std::uint64_t rip, cs, flags, rsp, ss;
  };
  const auto frame = memory.get<Machine>(address + kX64Rip);
  if (!frame || !is_plausible_flags(frame->flags)) return std::nullopt;
  constexpr auto x64 = base::Architecture::x64;
  const auto frame_pointer = memory.get<std::uint64_t>(address + kX64Rbp);
  const Registers registers = frame_pointer
                                  ? registers_at(x64, frame->rip, frame->rsp, *frame_pointer)
                                  : registers_at(x64, frame->rip, frame->rsp);
  const TrapFrame found{address, registers, (frame->cs & 3) == 3};
  const std::uint64_t end = address + kX64Size;
  if (found.from_user) {
    const bool selectors = (frame->cs == 0x33 || frame->cs == 0x23) && frame->ss == 0x2b;
    const bool user = is_user_address(frame->rip, x64) && is_user_address(frame->rsp, x64);
    return selectors && user ? std::optional(found) : std::nullopt;
  }
  // From the kernel: the processor aligned the stack down to 16 bytes and pushed on the same stack.
  const bool selectors = frame->cs == 0x10 && (frame->ss == 0x18 || frame->ss == 0);
  const bool same_stack = frame->rsp == end || frame->rsp == end + 8;
  return selectors && same_stack ? std::optional(found) : std::nullopt;
}

std::optional<TrapFrame> read_x86(const base::ByteSource& memory, std::uint64_t address,
                                  std::uint32_t build) {
  if (address > UINT32_MAX) return std::nullopt;
  const auto frame =
      unwind::x86::read_trap_frame(memory, static_cast<std::uint32_t>(address), trap_layout(build));
  if (!frame) return std::nullopt;
  return TrapFrame{address, frame->registers, frame->from_user};
}

std::optional<TrapFrame> read_arm64(const base::ByteSource& memory, std::uint64_t address) {
  struct Last {
    std::uint64_t lr, fp, pc;
  };
  const auto spsr = memory.get<std::uint32_t>(address + kArm64Spsr);
  const auto sp = memory.get<std::uint64_t>(address + kArm64Sp);
  const auto last = memory.get<Last>(address + kArm64Lr);
  const auto x = memory.get<std::array<std::uint64_t, 19>>(address + kArm64X0);
  if (!spsr || !sp || !last || !x) return std::nullopt;
  // PSTATE of AArch64: M[4] clear and M[3:0] EL0t, EL1t or EL1h.
  const std::uint32_t mode = *spsr & 0x1f;
  if (mode != 0 && mode != 4 && mode != 5) return std::nullopt;
  const bool from_user = mode == 0;
  constexpr auto arm64 = base::Architecture::arm64;
  const bool same_half =
      is_user_address(last->pc, arm64) == from_user && is_user_address(*sp, arm64) == from_user;
  if (last->pc % 4 != 0 || last->pc == 0 || *sp % 16 != 0 || !same_half) return std::nullopt;
  if (!from_user && *sp < address + kArm64Size) return std::nullopt;
  unwind::arm64::Registers registers;
  std::copy(x->begin(), x->end(), registers.x.begin());
  registers.x[unwind::arm64::fp] = last->fp;
  registers.x[unwind::arm64::lr] = last->lr;
  registers.known = 0x7ffffu | 1u << unwind::arm64::fp | 1u << unwind::arm64::lr;
  registers.sp = *sp;
  registers.pc = last->pc;
  return TrapFrame{address, registers, from_user};
}

}  // namespace

std::optional<TrapFrame> read_trap_frame(const base::ByteSource& memory, std::uint64_t address,
                                         base::Architecture architecture, std::uint32_t build) {
  switch (architecture) {
    case base::Architecture::x64:
      return read_x64(memory, address);
    case base::Architecture::x86:
      return read_x86(memory, address, build);
    case base::Architecture::arm64:
      return read_arm64(memory, address);
    case base::Architecture::unknown:
      break;
  }
  return std::nullopt;
}

unwind::x86::TrapLayout trap_layout(std::uint32_t build) {
  using unwind::x86::TrapLayout;
  return build >= kFirstWindows81 ? TrapLayout::since_8_1 : TrapLayout::xp_to_8_0;
}

std::uint64_t trap_frame_size(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x86:
      return unwind::x86::kTrapFrameSize;
    case base::Architecture::arm64:
      return kArm64Size;
    default:
      return kX64Size;
  }
}

std::uint64_t trap_frame_alignment(base::Architecture architecture) {
  return architecture == base::Architecture::x86 ? 4 : 16;
}

std::uint64_t trap_frame_needs(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x86:
      return 8;  // its mark
    case base::Architecture::arm64:
      return kArm64Spsr;
    default:
      return kX64Rip;
  }
}

}  // namespace ntstack::stacks
