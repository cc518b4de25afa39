// The unwind codes that a packed entry of ARM64's .pdata stands for: its canonical prologue, as
// Microsoft's documentation has it step by step.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "pe/unwind_arm64.h"

namespace ntstack::pe::arm64 {

struct ExpandedCodes {
  std::array<std::byte, 96> storage{};
  std::size_t size = 0;
  // Index of the epilogue's codes; nothing for a fragment, which has no epilogue.
  std::optional<std::uint32_t> epilog;
  std::span<const std::byte> bytes() const { return std::span(storage).first(size); }
};

// Nothing where the fields fit no frame: more than ten integer registers, a frame that does not
// hold what it saves.
std::optional<ExpandedCodes> expand(const Packed& packed, bool is_fragment);

}  // namespace ntstack::pe::arm64
