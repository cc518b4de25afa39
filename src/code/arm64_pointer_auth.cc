#include "code/arm64_pointer_auth.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace ntstack::code {
namespace {

using Kind = PointerAuth::Kind;

// Hints by CRm:op2; the processor executes those that it does not know as no operation.
std::optional<PointerAuth> hint(std::uint32_t word) {
  if ((word & 0xfffff01f) != 0xd503201f) return {};
  constexpr std::array<std::pair<std::uint8_t, std::string_view>, 13> kNames = {{{7, "xpaclri"},
                                                                                 {8, "pacia1716"},
                                                                                 {10, "pacib1716"},
                                                                                 {12, "autia1716"},
                                                                                 {14, "autib1716"},
                                                                                 {24, "paciaz"},
                                                                                 {25, "paciasp"},
                                                                                 {26, "pacibz"},
                                                                                 {27, "pacibsp"},
                                                                                 {28, "autiaz"},
                                                                                 {29, "autiasp"},
                                                                                 {30, "autibz"},
                                                                                 {31, "autibsp"}}};
  const std::uint32_t number = (word >> 5) & 0x7f;
  for (const auto& [each, name] : kNames) {
    if (each != number) continue;
    const std::uint8_t written = number >= 8 && number <= 14 ? 17 : 30;
    return PointerAuth{std::string(name), {}, Kind::other, {}, written};
  }
  if ((number & ~6u) != 32) return {};
  constexpr std::array<std::string_view, 4> kTargets = {"", "c", "j", "jc"};
  return PointerAuth{"bti", std::string(kTargets[(number >> 1) & 3]), Kind::other, {}, {}};
}

// Bit 24 tells apart whether a register or zero modifies, bit 10 key A and B.
std::optional<PointerAuth> branch(std::uint32_t word) {
  const bool is_b = (word & 0x400) != 0;
  const auto rn = static_cast<std::uint8_t>((word >> 5) & 31);
  const auto rm = static_cast<std::uint8_t>(word & 31);
  const auto named = [&](std::string_view start, Kind kind, bool with_modifier) {
    std::string operands = arm64_register(rn, false);
    if (with_modifier) operands += "," + arm64_register(rm, true);
    return PointerAuth{fmt::format("{}{}{}", start, is_b ? "b" : "a", with_modifier ? "" : "z"),
                       std::move(operands),
                       kind,
                       rn,
                       {}};
  };
  switch (word & 0xfffff800) {
    case 0xd71f0800:
      return named("bra", Kind::jump, true);
    case 0xd73f0800:
      return named("blra", Kind::call, true);
    default:
      break;
  }
  if ((word & 0xfffffbff) == 0xd65f0bff)
    return PointerAuth{is_b ? "retab" : "retaa", {}, Kind::returns, {}, {}};
  if ((word & 0xfffffbff) == 0xd69f0bff)
    return PointerAuth{is_b ? "eretab" : "eretaa", {}, Kind::returns, {}, {}};
  if ((word & 31) != 31) return {};
  if ((word & 0xfffff800) == 0xd61f0800) return named("bra", Kind::jump, false);
  if ((word & 0xfffff800) == 0xd63f0800) return named("blra", Kind::call, false);
  return {};
}

// Data processing with one source: pacia x0,x1 and its like, their forms of zero, xpaci, xpacd.
std::optional<PointerAuth> one_source(std::uint32_t word) {
  if ((word & 0xffff0000) != 0xdac10000) return {};
  constexpr std::array<std::string_view, 8> kNames = {"pacia", "pacib", "pacda", "pacdb",
                                                      "autia", "autib", "autda", "autdb"};
  const std::uint32_t opcode = (word >> 10) & 63;
  const auto rn = static_cast<std::uint8_t>((word >> 5) & 31);
  const auto rd = static_cast<std::uint8_t>(word & 31);
  const std::string destination = arm64_register(rd, false);
  const auto written = rd < 31 ? std::optional(rd) : std::nullopt;
  if (opcode < 8)
    return PointerAuth{std::string(kNames[opcode]),
                       destination + "," + arm64_register(rn, true),
                       Kind::other,
                       {},
                       written};
  if (rn != 31) return {};
  if (opcode < 16) {
    // pacia's form is paciza: the z stands before the key's name.
    std::string name(kNames[opcode - 8]);
    name.insert(name.size() - 1, "z");
    return PointerAuth{std::move(name), destination, Kind::other, {}, written};
  }
  if (opcode > 17) return {};
  return PointerAuth{opcode == 16 ? "xpaci" : "xpacd", destination, Kind::other, {}, written};
}

// ldraa, ldrab: a signed ten-bit offset of eight bytes, with write-back or without.
std::optional<PointerAuth> load(std::uint32_t word) {
  if ((word & 0xff200400) != 0xf8200400) return {};
  const bool is_b = (word & 0x800000) != 0;
  const bool writes_back = (word & 0x800) != 0;
  const std::uint32_t bits = ((word >> 22) & 1) << 9 | ((word >> 12) & 0x1ff);
  const std::int32_t offset = (static_cast<std::int32_t>(bits ^ 0x200) - 0x200) * 8;
  const auto rn = static_cast<std::uint8_t>((word >> 5) & 31);
  const auto rt = static_cast<std::uint8_t>(word & 31);
  std::string place;
  if (offset != 0 || writes_back) {
    const std::uint32_t size = static_cast<std::uint32_t>(offset < 0 ? -offset : offset);
    place =
        fmt::format(fmt::runtime(size < 10 ? ",#{}{}" : ",#{}0x{:X}"), offset < 0 ? "-" : "", size);
  }
  return PointerAuth{is_b ? "ldrab" : "ldraa",
                     fmt::format("{},[{}{}]{}", arm64_register(rt, false), arm64_register(rn, true),
                                 place, writes_back ? "!" : ""),
                     Kind::other,
                     {},
                     rt < 31 ? std::optional(rt) : std::nullopt};
}

std::optional<PointerAuth> generic_code(std::uint32_t word) {
  if ((word & 0xffe0fc00) != 0x9ac03000) return {};
  const auto field = [&](int shift) { return static_cast<std::uint8_t>((word >> shift) & 31); };
  return PointerAuth{"pacga",
                     fmt::format("{},{},{}", arm64_register(field(0), false),
                                 arm64_register(field(5), false), arm64_register(field(16), true)),
                     Kind::other,
                     {},
                     field(0) < 31 ? std::optional(field(0)) : std::nullopt};
}

}  // namespace

std::string arm64_register(std::uint8_t number, bool is_stack_pointer) {
  switch (number) {
    case 16:
      return "xip0";
    case 17:
      return "xip1";
    case 18:
      return "xpr";
    case 29:
      return "fp";
    case 30:
      return "lr";
    case 31:
      return is_stack_pointer ? "sp" : "xzr";
    default:
      return fmt::format("x{}", number);
  }
}

std::optional<PointerAuth> pointer_auth(std::uint32_t word) {
  if (auto found = hint(word)) return found;
  if (auto found = branch(word)) return found;
  if (auto found = one_source(word)) return found;
  if (auto found = load(word)) return found;
  return generic_code(word);
}

}  // namespace ntstack::code
