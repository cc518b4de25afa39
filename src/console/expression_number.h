// Numbers in MASM syntax: 4176, 0x1050, 0n4176, 0t10120, 0y101, 1050h, fffff803`1234abcd.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ntstack::console {

struct Number {
  std::uint64_t value = 0;
  bool has_accent = false;  // ` in it: never sign-extended
  bool overflows = false;   // more than 64 bits
  std::size_t length = 0;   // of its text
};

// The number that `text` begins with; nothing where it is none: "nt!x", "fltmgr", "12z".
std::optional<Number> read_number(std::string_view text, unsigned radix);

}  // namespace ntstack::console
