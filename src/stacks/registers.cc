#include "stacks/registers.h"

namespace ntstack::stacks {
namespace {

namespace x64 = unwind::x64;
namespace x86 = unwind::x86;
namespace arm64 = unwind::arm64;

// CONTEXT of winnt.h: AMD64's Rax..R15 stand in the order of the register numbers.
constexpr std::uint64_t kX64Rax = 0x78, kX64Rip = 0xf8;
constexpr std::uint64_t kX86Eip = 0xb8, kX86Esp = 0xc4;
constexpr std::uint64_t kArm64X0 = 0x08, kArm64Sp = 0x100, kArm64Pc = 0x108;
// What the calling conventions preserve, by the registers' numbers: rbx, rsp, rbp, rsi, rdi, r12 to
// r15; ebx, esi, edi beside esp and ebp; x19 to x29.
constexpr std::uint32_t kX64Preserved = 0xf0f8, kX86Preserved = 0xc8, kArm64Preserved = 0x3ff80000;
constexpr std::uint64_t kUnset = 0x4547415045474150;  // "PAGEPAGE": the dump's filling

x64::Registers x64_context(base::Bytes context) {
  x64::Registers registers;
  for (std::size_t i = 0; i < 16; ++i)
    registers.gpr[i] = context.get_or<std::uint64_t>(kX64Rax + 8 * i, 0);
  registers.rip = context.get_or<std::uint64_t>(kX64Rip, 0);
  registers.known = 0xffff;
  return registers;
}

x86::Registers x86_context(base::Bytes context) {
  // eax, ecx, edx, ebx, esp, ebp, esi, edi, as instructions number them
  constexpr std::array<std::size_t, 8> places = {0xb0, 0xac, 0xa8, 0xa4, kX86Esp, 0xb4, 0xa0, 0x9c};
  x86::Registers registers;
  for (std::size_t i = 0; i < places.size(); ++i)
    registers.gpr[i] = context.get_or<std::uint32_t>(places[i], 0);
  registers.eip = context.get_or<std::uint32_t>(kX86Eip, 0);
  registers.known = 0xff;
  return registers;
}

arm64::Registers arm64_context(base::Bytes context) {
  arm64::Registers registers;
  for (std::size_t i = 0; i < registers.x.size(); ++i)
    registers.x[i] = context.get_or<std::uint64_t>(kArm64X0 + 8 * i, 0);
  registers.sp = context.get_or<std::uint64_t>(kArm64Sp, 0);
  registers.pc = context.get_or<std::uint64_t>(kArm64Pc, 0);
  registers.known = 0x7fffffff;
  return registers;
}

}  // namespace

std::uint64_t ip_of(const Registers& registers) {
  if (const auto* wide = std::get_if<x64::Registers>(&registers)) return wide->rip;
  if (const auto* narrow = std::get_if<x86::Registers>(&registers)) return narrow->eip;
  return std::get<arm64::Registers>(registers).pc;
}

std::uint64_t sp_of(const Registers& registers) {
  if (const auto* wide = std::get_if<x64::Registers>(&registers)) return wide->gpr[x64::rsp];
  if (const auto* narrow = std::get_if<x86::Registers>(&registers)) return narrow->gpr[x86::esp];
  return std::get<arm64::Registers>(registers).sp;
}

std::optional<std::uint64_t> frame_pointer_of(const Registers& registers) {
  const auto known = [](const auto& values, std::uint32_t mask, unsigned number) {
    return (mask >> number & 1) != 0 ? std::optional<std::uint64_t>(values[number]) : std::nullopt;
  };
  if (const auto* wide = std::get_if<x64::Registers>(&registers))
    return known(wide->gpr, wide->known, x64::rbp);
  if (const auto* narrow = std::get_if<x86::Registers>(&registers))
    return known(narrow->gpr, narrow->known, x86::ebp);
  const auto& arm = std::get<arm64::Registers>(registers);
  return known(arm.x, arm.known, arm64::fp);
}

Registers registers_at(base::Architecture architecture, std::uint64_t ip, std::uint64_t sp) {
  if (architecture == base::Architecture::x86) {
    x86::Registers registers;
    registers.eip = static_cast<std::uint32_t>(ip);
    registers.gpr[x86::esp] = static_cast<std::uint32_t>(sp);
    registers.known = 1u << x86::esp;
    return registers;
  }
  if (architecture == base::Architecture::arm64) {
    arm64::Registers registers;
    registers.pc = ip;
    registers.sp = sp;
    return registers;
  }
  x64::Registers registers;
  registers.rip = ip;
  registers.gpr[x64::rsp] = sp;
  registers.known = 1u << x64::rsp;
  return registers;
}

Registers registers_at(base::Architecture architecture, std::uint64_t ip, std::uint64_t sp,
                       std::uint64_t frame_pointer) {
  Registers registers = registers_at(architecture, ip, sp);
  if (auto* narrow = std::get_if<x86::Registers>(&registers)) {
    narrow->gpr[x86::ebp] = static_cast<std::uint32_t>(frame_pointer);
    narrow->known |= 1u << x86::ebp;
  } else if (auto* arm = std::get_if<arm64::Registers>(&registers)) {
    arm->x[arm64::fp] = frame_pointer;
    arm->known |= 1u << arm64::fp;
  } else {
    auto& wide = std::get<x64::Registers>(registers);
    wide.gpr[x64::rbp] = frame_pointer;
    wide.known |= 1u << x64::rbp;
  }
  return registers;
}

std::optional<Registers> registers_of_context(base::Bytes context,
                                              base::Architecture architecture) {
  std::optional<Registers> registers;
  switch (architecture) {
    case base::Architecture::x64:
      if (context.contains(kX64Rip, 8)) registers = x64_context(context);
      break;
    case base::Architecture::x86:
      if (context.contains(kX86Esp, 4)) registers = x86_context(context);
      break;
    case base::Architecture::arm64:
      if (context.contains(kArm64Pc, 8)) registers = arm64_context(context);
      break;
    case base::Architecture::unknown:
      break;
  }
  if (!registers) return std::nullopt;
  const std::uint64_t ip = ip_of(*registers);
  const bool is_unset = ip == (base::is_64_bit(architecture) ? kUnset : kUnset & UINT32_MAX);
  if (is_unset || (ip == 0 && sp_of(*registers) == 0)) return std::nullopt;
  return registers;
}

std::optional<Registers> registers_of_caller(base::Bytes context, base::Architecture architecture) {
  auto registers = registers_of_context(context, architecture);
  if (!registers) return std::nullopt;
  if (auto* narrow = std::get_if<x86::Registers>(&*registers)) {
    narrow->known = 1u << x86::esp | 1u << x86::ebp | kX86Preserved;
  } else if (auto* arm = std::get_if<arm64::Registers>(&*registers)) {
    arm->known = kArm64Preserved;
    arm->pc = arm64::without_pac(arm->pc);
  } else {
    std::get<x64::Registers>(*registers).known = kX64Preserved;
  }
  return registers;
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
      return registers_at(architecture, *rip, kernel_stack + 0x40, *frame_pointer);
    }
    case base::Architecture::x86: {
      // {ExceptionList, ApcBypass, return into KiSwapContext}; EBP is of use to no one there.
      const auto eip = memory.get<std::uint32_t>(kernel_stack + 8);
      if (!eip || *eip == 0) return std::nullopt;
      return registers_at(architecture, *eip, kernel_stack + 0xc);
    }
    case base::Architecture::arm64: {
      const auto fp = memory.get<std::uint64_t>(kernel_stack);
      const auto pc = memory.get<std::uint64_t>(kernel_stack + 8);
      if (!fp || !pc || *pc == 0) return std::nullopt;
      return registers_at(architecture, arm64::without_pac(*pc), kernel_stack + 0x10, *fp);
    }
    case base::Architecture::unknown:
      break;
  }
  return std::nullopt;
}

std::optional<x86::Registers> registers_below_switch_frame(const base::ByteSource& memory,
                                                           std::uint64_t kernel_stack) {
  struct Saved {
    std::uint32_t ebp, edi, esi, ebx, eip;
  };
  const auto saved = memory.get<Saved>(kernel_stack + 0xc);
  if (!saved || saved->eip == 0) return std::nullopt;
  x86::Registers registers;
  registers.gpr = {0,
                   0,
                   0,
                   saved->ebx,
                   static_cast<std::uint32_t>(kernel_stack + 0x20),
                   saved->ebp,
                   saved->esi,
                   saved->edi};
  registers.eip = saved->eip;
  registers.known =
      1u << x86::ebx | 1u << x86::esp | 1u << x86::ebp | 1u << x86::esi | 1u << x86::edi;
  return registers;
}

bool is_user_address(std::uint64_t address, base::Architecture architecture) {
  return base::is_64_bit(architecture) ? address < 0x0000'8000'0000'0000 : address < 0x8000'0000;
}

}  // namespace ntstack::stacks
