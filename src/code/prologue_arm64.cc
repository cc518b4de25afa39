// ARM64's part of prologue.h. Encodings from Arm's Architecture Reference Manual.
#include <fmt/format.h>

#include <optional>

#include "code/prologue.h"

namespace ntstack::code {
namespace {

constexpr unsigned kSp = 31, kProbed = 15;  // x15: what __chkstk is told, in units of 16 bytes

std::string register_name(char kind, unsigned number) {
  if (kind == 'x' && number == 29) return "fp";
  if (kind == 'x' && number == 30) return "lr";
  return fmt::format("{}{}", kind, number);
}

std::int64_t sign_extended(std::uint32_t value, unsigned bits) {
  const std::int64_t sign = std::int64_t{1} << (bits - 1);
  return (static_cast<std::int64_t>(value) ^ sign) - sign;
}

// sub sp, sp, #n
std::optional<StackTaken> subtraction(std::uint32_t word) {
  if ((word & 0xff8003ff) != 0xd10003ff) return {};
  const bool shifted = (word >> 22 & 1) != 0;
  const std::uint32_t value = word >> 10 & 0xfff;
  return StackTaken{0, Taking::allocates, std::uint64_t{value} << (shifted ? 12 : 0),
                    fmt::format("sub sp,sp,#{:#x}{}", value, shifted ? ",lsl #0xC" : "")};
}

// stp a, b, [sp, #-n]!
std::optional<StackTaken> pair_store(std::uint32_t word) {
  const std::uint32_t form = word & 0xffc003e0;
  const std::uint32_t base = kSp << 5;
  char kind = 'x';
  int scale = 8;
  if (form == (0x6d800000 | base)) {
    kind = 'd';
  } else if (form == (0xad800000 | base)) {
    kind = 'q';
    scale = 16;
  } else if (form != (0xa9800000 | base)) {
    return {};
  }
  const std::int64_t distance = sign_extended(word >> 15 & 0x7f, 7) * scale;
  if (distance >= 0) return {};
  return StackTaken{0, Taking::saves, static_cast<std::uint64_t>(-distance),
                    fmt::format("stp {},{},[sp,#-{:#x}]!", register_name(kind, word & 31),
                                register_name(kind, word >> 10 & 31), -distance)};
}

// str a, [sp, #-n]!
std::optional<StackTaken> single_store(std::uint32_t word) {
  const std::uint32_t form = word & 0xffe00fe0;
  const std::uint32_t base = kSp << 5;
  const bool is_x = form == (0xf8000c00 | base);
  if (!is_x && form != (0xfc000c00 | base)) return {};
  const std::int64_t distance = sign_extended(word >> 12 & 0x1ff, 9);
  if (distance >= 0) return {};
  return StackTaken{
      0, Taking::saves, static_cast<std::uint64_t>(-distance),
      fmt::format("str {},[sp,#-{:#x}]!", register_name(is_x ? 'x' : 'd', word & 31), -distance)};
}

// What a move puts into x15, or what is in it behind an instruction that is none.
std::optional<std::uint64_t> moved(std::uint32_t word, std::optional<std::uint64_t> before) {
  if ((word & 31) != kProbed) return before;
  const unsigned shift = (word >> 21 & 3) * 16;
  const std::uint64_t value = std::uint64_t{word >> 5 & 0xffff} << shift;
  if ((word & 0x7f800000) == 0x52800000) return value;
  if ((word & 0x7f800000) != 0x72800000) return before;
  return before ? std::optional((*before & ~(std::uint64_t{0xffff} << shift)) | value) : before;
}

bool is_call(std::uint32_t word) {
  return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000;
}

// sub sp, sp, x15, lsl #4
bool is_probed_subtraction(std::uint32_t word) { return word == 0xcb2f73ff; }

// Branches that are always taken, returns, traps; what raises SP, or moves it from elsewhere.
bool ends(std::uint32_t word) {
  return (word & 0xfc000000) == 0x14000000 || (word & 0xfe000000) == 0xd6000000 ||
         (word & 0xff000000) == 0xd4000000 || (word & 0xff80001f) == 0x9100001f;
}

}  // namespace

Prologue prologue_of_arm64(base::Bytes code) {
  constexpr std::uint64_t kMostProbed = 0x1000000;  // in units of 16 bytes
  Prologue found;
  std::optional<std::uint64_t> probed;
  bool called = false;
  for (std::uint32_t at = 0; const auto word = code.get<std::uint32_t>(at); at += 4) {
    auto taken = subtraction(*word);
    if (!taken) taken = pair_store(*word);
    if (!taken) taken = single_store(*word);
    if (is_probed_subtraction(*word) && probed && *probed < kMostProbed)
      taken = StackTaken{0, called ? Taking::probes : Taking::allocates, *probed * 16,
                         fmt::format("sub sp,sp,x15,lsl #4 with x15={:#x}", *probed)};
    const auto next = code.get<std::uint32_t>(std::uint64_t{at} + 4);
    const bool probes = is_call(*word) && probed && next && is_probed_subtraction(*next);
    if (!taken && !probes && (is_call(*word) || ends(*word))) break;
    called = called || probes;
    probed = moved(*word, probed);
    found.size = at + 4;
    if (!taken) continue;
    taken->offset = at;
    found.taken.push_back(std::move(*taken));
  }
  return found;
}

}  // namespace ntstack::code
