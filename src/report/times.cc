#include "report/times.h"

#include <fmt/format.h>

namespace ntstack::report {

std::string time_text(std::uint64_t filetime) {
  // Days since 1601 to a date of the Gregorian calendar.
  const std::uint64_t seconds = filetime / 10'000'000;
  std::int64_t days = static_cast<std::int64_t>(seconds / 86400) + 584694;  // since 0000-03-01
  const std::int64_t era = days / 146097;
  days -= era * 146097;
  const std::int64_t year_of_era = (days - days / 1460 + days / 36524 - days / 146096) / 365;
  const std::int64_t day_of_year = days - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
  const std::int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  const std::int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", year, month, day,
                     seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string duration_text(std::uint64_t hundred_ns) {
  const std::uint64_t milliseconds = hundred_ns / 10'000, seconds = milliseconds / 1000;
  return fmt::format("{}:{:02}:{:02}:{:02}.{:03}", seconds / 86400, seconds / 3600 % 24,
                     seconds / 60 % 60, seconds % 60, milliseconds % 1000);
}

}  // namespace ntstack::report
