// The processors whose code and stacks are understood.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::base {

enum class Architecture : std::uint8_t { unknown, x86, x64, arm64 };

constexpr bool is_64_bit(Architecture architecture) { return architecture != Architecture::x86; }

// "x86", "x64", "ARM64", "unknown".
constexpr std::string_view name_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::x86:
      return "x86";
    case Architecture::x64:
      return "x64";
    case Architecture::arm64:
      return "ARM64";
    case Architecture::unknown:
      break;
  }
  return "unknown";
}

// IMAGE_FILE_MACHINE_* of PE headers and dump headers (winnt.h).
constexpr Architecture architecture_of_machine(std::uint32_t machine) {
  switch (machine) {
    case 0x014c:
      return Architecture::x86;
    case 0x8664:
      return Architecture::x64;
    case 0xaa64:
      return Architecture::arm64;
    default:
      return Architecture::unknown;
  }
}

}  // namespace ntstack::base
