#include "code/call.h"

#include <algorithm>
#include <array>

namespace ntstack::code {
namespace {

// The lengths that FF /2 and FF /3 can have without prefixes: ModRM, SIB, and no, an 8-bit or a
// 32-bit displacement.
constexpr std::array<std::size_t, 5> kIndirectLengths = {6, 2, 3, 4, 7};

std::optional<Call> indirect_call(base::Bytes instruction, Mode mode) {
  if (instruction.get_or<std::uint8_t>(0, 0) != 0xff) return {};
  const auto decoded = decode(instruction, mode);
  if (!decoded || decoded->length != instruction.size()) return {};
  if (decoded->reg() == 3 && decoded->mod() != 3) {
    return Call{CallKind::far, decoded->length, 0};
  }
  if (decoded->reg() != 2) return {};
  if (decoded->mod() == 0 && decoded->rm() == 5) {
    return Call{CallKind::through_pointer, decoded->length, decoded->displacement};
  }
  return Call{CallKind::indirect, decoded->length, 0};
}

std::optional<Call> call_at_end(base::Bytes before, Mode mode) {
  const auto last = [&](std::size_t size) { return before.slice(before.size() - size, size); };
  if (before.size() >= 5) {
    const base::Bytes tail = *last(5);
    if (tail.get<std::uint8_t>(0) == 0xe8)
      return Call{CallKind::direct, 5, tail.get_or<std::int32_t>(1, 0)};
  }
  for (const std::size_t length : kIndirectLengths) {
    if (before.size() < length) continue;
    if (const auto call = indirect_call(*last(length), mode)) return call;
  }
  if (mode == Mode::x86 && before.size() >= 7 && last(7)->get<std::uint8_t>(0) == 0x9a)
    return Call{CallKind::far, 7, 0};
  return {};
}

// `REX.W call [RIP + n]` and `nop dword [rax + rax]`, 12 bytes that the loader may rewrite to
// `mov r10, [RIP + n]` and `call`, whose return address is the end of the NOP (Microsoft,
// "Mitigating Spectre variant 2 with Retpoline on Windows").
std::optional<Call> import_call(base::Bytes before) {
  static constexpr std::array<std::uint8_t, 5> kNop = {0x0f, 0x1f, 0x44, 0x00, 0x00};
  if (before.size() < 12) return {};
  const base::Bytes tail = *before.slice(before.size() - 12, 12);
  if (!std::ranges::equal(tail.span().subspan(7), std::as_bytes(std::span(kNop)))) return {};
  if (tail.get<std::uint8_t>(0) != 0x48 || tail.get<std::uint16_t>(1) != 0x15ff) return {};
  // The distance counts from the end of the call, the answer's from the end of the NOP.
  const auto distance = static_cast<std::uint32_t>(tail.get_or<std::int32_t>(3, 0)) - 5u;
  return Call{CallKind::through_pointer, 11, static_cast<std::int32_t>(distance)};
}

}  // namespace

std::optional<Call> call_before(base::Bytes before, Mode mode) {
  if (const auto call = call_at_end(before, mode)) return call;
  return mode == Mode::x64 ? import_call(before) : std::nullopt;
}

}  // namespace ntstack::code
