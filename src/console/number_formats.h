// A value as `?` and `.formats` show it.
#pragma once

#include <cstdint>
#include <string>

namespace ntstack::console {

struct NumberFormats {
  std::uint64_t value = 0;
  bool is_wide = false;  // 64 bits are shown, else 32
  std::int64_t decimal = 0;
  std::string hex, octal, binary, chars, time;
  std::string low_float, high_float, as_double;
};

// Of a 32-bit target 32 bits are shown, unless the value needs more.
NumberFormats formats_of(std::uint64_t value, bool is_64_bit);

// "Evaluate expression: 4176 = 00001050\n".
std::string evaluation_text(const NumberFormats& formats);
// The lines of `.formats`. Times are UTC.
std::string formats_text(const NumberFormats& formats);

// As printf's %g of the C library that the debuggers use: three digits of exponent at least.
std::string general_text(double value);

}  // namespace ntstack::console
