// How much work an input may be, for each target: so much for each of its bytes, and so much
// besides. docs/fuzzing.md says what the numbers rest on.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::fuzz {

struct WorkLimit {
  std::string_view target;
  std::uint64_t bytes_each = 0, bytes_besides = 0;
  std::uint64_t steps_each = 0, steps_besides = 0;

  std::uint64_t bytes(std::uint64_t size) const { return bytes_each * size + bytes_besides; }
  std::uint64_t steps(std::uint64_t size) const { return steps_each * size + steps_besides; }
};

inline constexpr std::uint64_t kMegabyte = 1 << 20;

// What no row below names.
inline constexpr WorkLimit kUsualLimit{"", 1000, 4 * kMegabyte, 2000, 4'000'000};

inline constexpr WorkLimit kLimits[] = {
    {"greedy", 10, 4096, 10, 4096},                      // of fuzz_replay's own test
    {"x86_step", 1000, 24 * kMegabyte, 2000, 16000000},  // 48 steps without a cache
};

constexpr WorkLimit limit_of(std::string_view target) {
  for (const WorkLimit& limit : kLimits)
    if (limit.target == target) return limit;
  return kUsualLimit;
}

}  // namespace ntstack::fuzz
