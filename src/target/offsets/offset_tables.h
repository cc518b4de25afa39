// The tables by build: one for each structure and architecture.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "target/offsets/offsets.h"

namespace ntstack::target {

inline constexpr std::uint16_t kNone = 0xffff;  // the build has no such field

// A flag's value is the byte that holds it; with kFlagBit, one bit of that byte alone.
inline constexpr std::uint16_t kFlagBit = 0x8000, kFlagByte = 0xfff;
inline constexpr unsigned kFlagBitShift = 12;

struct OffsetRow {
  std::uint32_t first_build, last_build;
  std::array<std::uint16_t, 14> values;  // in the order of the table's fields
};
struct OffsetTable {
  std::span<const Field> fields;
  std::span<const OffsetRow> rows;  // rising builds
};

// Empty where no table is known (ARM64: KDBG alone).
std::span<const OffsetTable> offset_tables(base::Architecture architecture);
// Times, priorities, sessions and the like: what no stack or list needs.
std::span<const OffsetTable> fact_tables(base::Architecture architecture);

}  // namespace ntstack::target
