// Where x86 functions begin of which no record tells: behind the padding between functions, and
// where calls lead.
#pragma once

#include <cstdint>
#include <optional>

#include "base/byte_source.h"

namespace ntstack::unwind::x86 {

// The highest multiple of 16 in [lowest, address] that is behind what ends a function (a return, a
// jump, a call that may not come back, a trap) and padding, if any. The code decides whether it is
// a function's start: this is where compilers put them.
std::optional<std::uint32_t> padded_start(const base::ByteSource& memory, std::uint32_t address,
                                          std::uint32_t lowest);

// `push ebp; mov ebp, esp`, behind a hot-patch point or at once.
bool starts_with_frame_pointer(const base::ByteSource& memory, std::uint32_t start);

// Where a call leads that ends at `return_address`: the function, behind a jump to it or through an
// import's pointer. Nothing where no call ends there, or where it leads is not known.
std::optional<std::uint32_t> called_function(const base::ByteSource& memory,
                                             std::uint32_t return_address);

}  // namespace ntstack::unwind::x86
