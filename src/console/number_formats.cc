#include "console/number_formats.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <string_view>

#include "base/text.h"

namespace ntstack::console {
namespace {

constexpr std::uint64_t kTicksPerSecond = 10'000'000;  // of a FILETIME
constexpr std::int64_t kFrom1601To1970 = 11'644'473'600;

// "Mon Jan 07 15:31:46" and the year, of seconds since 1970.
struct TimeParts {
  std::string day_and_time;
  int year = 0;
};

TimeParts parts_of(std::int64_t seconds) {
  constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed",
                                                    "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  using namespace std::chrono;
  const sys_seconds at{std::chrono::seconds(seconds)};
  const auto midnight = floor<std::chrono::days>(at);
  const year_month_day date(midnight);
  const hh_mm_ss time(at - midnight);
  return {fmt::format("{} {} {:02} {:02}:{:02}:{:02}", days[weekday(midnight).c_encoding()],
                      months[static_cast<unsigned>(date.month()) - 1],
                      static_cast<unsigned>(date.day()), time.hours().count(),
                      time.minutes().count(), time.seconds().count()),
          static_cast<int>(date.year())};
}

// A value of 32 bits is a time_t, one of more a FILETIME.
std::string time_text(std::uint64_t value, bool is_wide) {
  if (!is_wide || value <= UINT32_MAX) {
    if ((value & 0x80000000) != 0) return "***** Invalid";
    const TimeParts parts = parts_of(static_cast<std::int64_t>(value & UINT32_MAX));
    return fmt::format("{} {}", parts.day_and_time, parts.year);
  }
  // FileTimeToSystemTime takes none with the highest bit.
  if (value >> 63 != 0) return "***** Invalid FILETIME";
  const TimeParts parts =
      parts_of(static_cast<std::int64_t>(value / kTicksPerSecond) - kFrom1601To1970);
  return fmt::format("{}.{:03} {} (UTC + 0:00)", parts.day_and_time,
                     value % kTicksPerSecond / 10'000, parts.year);
}

std::string binary_text(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = bytes; i-- > 0;) {
    out += fmt::format("{:08b}", value >> (8 * i) & 0xff);
    if (i != 0) out += ' ';
  }
  return out;
}

std::string chars_text(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = bytes; i-- > 0;) {
    const auto byte = static_cast<unsigned char>(value >> (8 * i));
    out += byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
  }
  return out;
}

}  // namespace

std::string general_text(double value) {
  const bool is_negative = std::signbit(value);
  if (std::isnan(value)) return is_negative ? "-1.#QNAN" : "1.#QNAN";
  if (std::isinf(value)) return is_negative ? "-1.#INF" : "1.#INF";
  std::string text = fmt::format("{:g}", value);
  const std::size_t exponent = text.find('e');
  // fmt writes two digits, as C demands at least.
  if (exponent != std::string::npos && text.size() - exponent == 4) text.insert(exponent + 2, "0");
  return text;
}

NumberFormats formats_of(std::uint64_t value, bool is_64_bit) {
  NumberFormats out;
  const std::uint64_t high = value >> 32;
  const bool fits = high == 0 || (high == UINT32_MAX && (value & 0x80000000) != 0);
  out.is_wide = is_64_bit || !fits;
  const auto low = static_cast<std::uint32_t>(value);
  out.value = out.is_wide ? value : low;
  out.decimal = out.is_wide ? static_cast<std::int64_t>(value) : static_cast<std::int32_t>(low);
  const unsigned bytes = out.is_wide ? 8 : 4;
  out.hex = base::address_text(out.value, out.is_wide);
  out.octal = fmt::format("{:0{}o}", out.value, out.is_wide ? 22 : 11);
  out.binary = binary_text(out.value, bytes);
  out.chars = chars_text(out.value, bytes);
  out.time = time_text(out.value, out.is_wide);
  out.low_float = general_text(static_cast<double>(std::bit_cast<float>(low)));
  const auto upper = static_cast<std::uint32_t>(out.value >> 32);
  out.high_float = general_text(static_cast<double>(std::bit_cast<float>(upper)));
  out.as_double = general_text(std::bit_cast<double>(out.value));
  return out;
}

std::string evaluation_text(const NumberFormats& formats) {
  return fmt::format("Evaluate expression: {} = {}\n", formats.decimal, formats.hex);
}

std::string formats_text(const NumberFormats& formats) {
  return fmt::format(
      "Evaluate expression:\n"
      "  Hex:     {}\n"
      "  Decimal: {}\n"
      "  Octal:   {}\n"
      "  Binary:  {}\n"
      "  Chars:   {}\n"
      "  Time:    {}\n"
      "  Float:   low {} high {}\n"
      "  Double:  {}\n",
      formats.hex, formats.decimal, formats.octal, formats.binary, formats.chars, formats.time,
      formats.low_float, formats.high_float, formats.as_double);
}

}  // namespace ntstack::console
