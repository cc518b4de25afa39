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
    {"greedy", 10, 4096, 10, 4096},  // of fuzz_replay's own test
    // A whole machine is looked for, with a bound for each way: so much besides even for a small
    // dump.
    {"analyze", 2000, 16 * kMegabyte, 4000, 40'000'000},
    {"stacks", 2000, 16 * kMegabyte, 4000, 40'000'000},
    {"physical", 2000, 32 * kMegabyte, 4000, 80'000'000},
    {"kernel_objects", 2000, 16 * kMegabyte, 4000, 40'000'000},
    // The world's dump and PDBs stand behind every input.
    {"world", 0, 64 * kMegabyte, 0, 100'000'000},
    // The listing is tried from every seventh byte, backwards too.
    {"disassembly", 40'000, 4 * kMegabyte, 400'000, 8'000'000},
    // Up to 65536 slots, each with the names that they share; 8 MB of names at most.
    {"pe_tables", 1000, 64 * kMegabyte, 2000, 40'000'000},
};

constexpr WorkLimit limit_of(std::string_view target) {
  for (const WorkLimit& limit : kLimits)
    if (limit.target == target) return limit;
  return kUsualLimit;
}

}  // namespace ntstack::fuzz
