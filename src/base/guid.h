// A GUID as it lies in files, and its texts.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace ntstack::base {

struct Guid {
  std::uint32_t data1 = 0;
  std::uint16_t data2 = 0;
  std::uint16_t data3 = 0;
  std::array<std::uint8_t, 8> data4{};

  auto operator<=>(const Guid&) const = default;

  // "0123456789ABCDEF0123456789ABCDEF", as in a symbol store's folder names.
  std::string compact() const;
  // "{01234567-89AB-CDEF-0123-456789ABCDEF}"
  std::string text() const;
};
static_assert(sizeof(Guid) == 16);

}  // namespace ntstack::base
