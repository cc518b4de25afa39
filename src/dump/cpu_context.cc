#include "dump/cpu_context.h"

#include <cstring>

#include "dump/records.h"

namespace ntstack::dump {

namespace {

// CONTEXT_i386, CONTEXT_AMD64 and CONTEXT_ARM64, each with CONTROL, INTEGER and, where there is
// one, SEGMENTS (winnt.h).
constexpr std::uint32_t flags_x86 = 0x10007;
constexpr std::uint32_t flags_x64 = 0x100007;
constexpr std::uint32_t flags_arm64 = 0x400003;

template <class T>
void put(std::vector<std::byte>& context, std::size_t at, std::uint64_t value) {
  const T narrow = static_cast<T>(value);
  std::memcpy(context.data() + at, &narrow, sizeof narrow);
}

void fill_x64(std::vector<std::byte>& context, const X86Registers& from) {
  put<std::uint32_t>(context, 0x30, flags_x64);
  put<std::uint16_t>(context, 0x38, from.cs);
  put<std::uint16_t>(context, 0x3a, from.ds);
  put<std::uint16_t>(context, 0x3c, from.es);
  put<std::uint16_t>(context, 0x3e, from.fs);
  put<std::uint16_t>(context, 0x40, from.gs);
  put<std::uint16_t>(context, 0x42, from.ss);
  put<std::uint32_t>(context, 0x44, from.rflags);
  for (std::size_t i = 0; i < from.gpr.size(); ++i) {
    put<std::uint64_t>(context, 0x78 + i * 8, from.gpr[i]);
  }
  put<std::uint64_t>(context, 0xf8, from.rip);
}

void fill_x86(std::vector<std::byte>& context, const X86Registers& from) {
  using R = X86Registers;
  put<std::uint32_t>(context, 0, flags_x86);
  put<std::uint32_t>(context, 0x8c, from.gs);
  put<std::uint32_t>(context, 0x90, from.fs);
  put<std::uint32_t>(context, 0x94, from.es);
  put<std::uint32_t>(context, 0x98, from.ds);
  put<std::uint32_t>(context, 0x9c, from.gpr[R::rdi]);
  put<std::uint32_t>(context, 0xa0, from.gpr[R::rsi]);
  put<std::uint32_t>(context, 0xa4, from.gpr[R::rbx]);
  put<std::uint32_t>(context, 0xa8, from.gpr[R::rdx]);
  put<std::uint32_t>(context, 0xac, from.gpr[R::rcx]);
  put<std::uint32_t>(context, 0xb0, from.gpr[R::rax]);
  put<std::uint32_t>(context, 0xb4, from.gpr[R::rbp]);
  put<std::uint32_t>(context, 0xb8, from.rip);
  put<std::uint32_t>(context, 0xbc, from.cs);
  put<std::uint32_t>(context, 0xc0, from.rflags);
  put<std::uint32_t>(context, 0xc4, from.gpr[R::rsp]);
  put<std::uint32_t>(context, 0xc8, from.ss);
}

}  // namespace

std::vector<std::byte> context_of(const X86Registers& registers, base::Architecture architecture) {
  std::vector<std::byte> context(context_size(architecture));
  if (architecture == base::Architecture::x64) fill_x64(context, registers);
  if (architecture == base::Architecture::x86) fill_x86(context, registers);
  return context;
}

std::vector<std::byte> context_of(const Arm64Registers& registers) {
  std::vector<std::byte> context(context_size(base::Architecture::arm64));
  put<std::uint32_t>(context, 0, flags_arm64);
  put<std::uint32_t>(context, 4, registers.cpsr);
  for (std::size_t i = 0; i < registers.x.size(); ++i) {
    put<std::uint64_t>(context, 8 + i * 8, registers.x[i]);
  }
  put<std::uint64_t>(context, 0x100, registers.sp);
  put<std::uint64_t>(context, 0x108, registers.pc);
  return context;
}

}  // namespace ntstack::dump
