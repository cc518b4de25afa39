// SHA-256 (FIPS 180-4), for signatures that others can recompute.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace ntstack::base {

std::array<std::uint8_t, 32> sha256(std::string_view bytes);
// 64 lower-case hexadecimal digits.
std::string sha256_text(std::string_view bytes);

}  // namespace ntstack::base
