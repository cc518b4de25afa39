#include "stacks/x86_switch.h"

#include <array>

#include "unwind/x86_code.h"

namespace ntstack::stacks {

namespace x86 = unwind::x86;

namespace {

constexpr std::uint32_t kMostParameters = 4;

// What `pop esp` takes.
std::optional<std::uint32_t> popped_stack(const base::ByteSource& memory,
                                          const x86::Registers& here,
                                          const IsOldStack& is_old_stack) {
  for (std::uint32_t i = here.arguments / 4; i <= kMostParameters + here.arguments / 4; ++i) {
    const auto saved = memory.get<std::uint32_t>(here.gpr[x86::esp] + 4 * i);
    if (saved && is_old_stack(*saved)) return saved;
  }
  return std::nullopt;
}

}  // namespace

std::optional<x86::Registers> registers_on_old_stack(const base::ByteSource& memory,
                                                     const x86::Registers& here,
                                                     const IsOldStack& is_old_stack) {
  const auto code = memory.get<std::array<std::uint8_t, 2>>(here.eip);
  if (!code) return std::nullopt;
  x86::Registers there = here;
  there.arguments = 0;
  const auto [opcode, modrm] = *code;
  if (opcode == 0x5c) {  // pop esp
    const auto saved = popped_stack(memory, here, is_old_stack);
    if (!saved) return std::nullopt;
    there.gpr[x86::esp] = *saved;
    there.eip += 1;
    return there;
  }
  // mov esp, r (8b /r with the source in its low bits; 89 /r with it in the middle)
  const bool loads = opcode == 0x8b && (modrm & 0xf8) == 0xe0;
  const bool stores = opcode == 0x89 && (modrm & 0xc7) == 0xc4;
  if (!loads && !stores) return std::nullopt;
  const unsigned source = loads ? modrm & 7u : modrm >> 3 & 7u;
  if (source == x86::esp || !here.knows(source) || !is_old_stack(here.gpr[source]))
    return std::nullopt;
  there.gpr[x86::esp] = here.gpr[source];
  there.eip += 2;
  return there;
}

std::optional<x86::Registers> leave_function(const base::ByteSource& memory,
                                             const x86::Registers& here) {
  const auto leaving = x86::leaving_frame_at(memory, here.eip);
  if (!leaving) return std::nullopt;
  const auto address_of = [&](const x86::StackPlace& place) {
    return here.gpr[place.from_ebp ? x86::ebp : x86::esp] +
           static_cast<std::uint32_t>(place.offset);
  };
  if (leaving->return_slot.from_ebp && !here.knows(x86::ebp)) return std::nullopt;
  const std::uint32_t slot = address_of(leaving->return_slot);
  const auto eip = memory.get<std::uint32_t>(slot);
  if (!eip) return std::nullopt;
  x86::Registers caller = here;
  caller.eip = *eip;
  caller.gpr[x86::esp] = slot + 4;
  constexpr std::array<std::size_t, 4> kPopped = {x86::ebx, x86::ebp, x86::esi, x86::edi};
  for (std::size_t i = 0; i < kPopped.size(); ++i) {
    if (!leaving->popped[i]) continue;
    const auto value = memory.get<std::uint32_t>(address_of(*leaving->popped[i]));
    if (value)
      caller.gpr[kPopped[i]] = *value;
    else
      caller.known &= ~(1u << kPopped[i]);
  }
  return caller;
}

}  // namespace ntstack::stacks
