#include "code/arm64_atomics.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "code/arm64_pointer_auth.h"

namespace ntstack::code {
namespace {

constexpr std::array<std::string_view, 4> kOrders = {"", "l", "a",
                                                     "al"};  // acquires: 2, releases: 1
constexpr std::array<std::string_view, 4> kSizes = {"b", "h", "", ""};

std::uint8_t field(std::uint32_t word, int shift) {
  return static_cast<std::uint8_t>((word >> shift) & 31);
}
bool bit(std::uint32_t word, int number) { return (word >> number & 1) != 0; }

std::string register_text(std::uint8_t number, bool is_wide) {
  if (is_wide) return arm64_register(number, false);
  switch (number) {
    case 16:
      return "wip0";
    case 17:
      return "wip1";
    case 18:
      return "wpr";
    case 31:
      return "wzr";
    default:
      return fmt::format("w{}", number);
  }
}

std::uint32_t written_bit(std::uint8_t number) { return number < 31 ? 1u << number : 0; }

// A value is read, changed by the register Rs, and written back; Rt has what was there.
std::optional<Atomic> read_and_change(std::uint32_t word) {
  if ((word & 0x3f200c00) != 0x38200000) return {};
  constexpr std::array<std::string_view, 8> kChanges = {"add",  "clr",  "eor",  "set",
                                                        "smax", "smin", "umax", "umin"};
  const std::uint8_t rs = field(word, 16), rn = field(word, 5), rt = field(word, 0);
  const std::uint32_t size = word >> 30, change = word >> 12 & 7;
  const bool is_wide = size == 3, acquires = bit(word, 23), releases = bit(word, 22);
  const std::string place = fmt::format("[{}]", arm64_register(rn, true));
  const std::string_view order = kOrders[(acquires ? 2u : 0u) + (releases ? 1u : 0u)];
  if (bit(word, 15) && change == 4) {
    if (!acquires || releases || rs != 31) return {};
    return Atomic{fmt::format("ldapr{}", kSizes[size]),
                  fmt::format("{},{}", register_text(rt, is_wide), place), written_bit(rt)};
  }
  if (bit(word, 15) && change != 0) return {};
  const std::string_view name = bit(word, 15) ? std::string_view("swp") : kChanges[change];
  // What was there is not wanted: that form has a name of its own.
  if (!bit(word, 15) && rt == 31 && !acquires)
    return Atomic{fmt::format("st{}{}{}", name, order, kSizes[size]),
                  fmt::format("{},{}", register_text(rs, is_wide), place), 0};
  return Atomic{
      fmt::format("{}{}{}{}", bit(word, 15) ? "" : "ld", name, order, kSizes[size]),
      fmt::format("{},{},{}", register_text(rs, is_wide), register_text(rt, is_wide), place),
      written_bit(rt)};
}

std::optional<Atomic> compare_and_swap(std::uint32_t word) {
  if ((word & 0x3fa07c00) != 0x08a07c00) return {};
  const std::uint8_t rs = field(word, 16), rt = field(word, 0);
  const std::uint32_t size = word >> 30;
  return Atomic{
      fmt::format("cas{}{}", kOrders[(bit(word, 22) ? 2u : 0u) + (bit(word, 15) ? 1u : 0u)],
                  kSizes[size]),
      fmt::format("{},{},[{}]", register_text(rs, size == 3), register_text(rt, size == 3),
                  arm64_register(field(word, 5), true)),
      written_bit(rs)};
}

std::optional<Atomic> compare_and_swap_pairs(std::uint32_t word) {
  const std::uint8_t rs = field(word, 16), rt = field(word, 0);
  if ((word & 0xbfa07c00) != 0x08207c00 || rs % 2 != 0 || rt % 2 != 0) return {};
  const bool is_wide = bit(word, 30);
  const auto pair = [&](std::uint8_t first) {
    return register_text(first, is_wide) + "," +
           register_text(static_cast<std::uint8_t>(first + 1), is_wide);
  };
  return Atomic{
      fmt::format("casp{}", kOrders[(bit(word, 22) ? 2u : 0u) + (bit(word, 15) ? 1u : 0u)]),
      fmt::format("{},{},[{}]", pair(rs), pair(rt), arm64_register(field(word, 5), true)),
      written_bit(rs) | written_bit(static_cast<std::uint8_t>(rs + 1))};
}

}  // namespace

std::optional<Atomic> atomic(std::uint32_t word) {
  if (auto found = read_and_change(word)) return found;
  if (auto found = compare_and_swap(word)) return found;
  return compare_and_swap_pairs(word);
}

}  // namespace ntstack::code
