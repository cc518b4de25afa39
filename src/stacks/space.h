// Where a walk runs: memory and the modules in it. The kernel's, or the user half of a process.
#pragma once

#include <cstdint>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "symbols/symbolizer.h"

namespace ntstack::stacks {

struct Space {
  base::Architecture architecture = base::Architecture::unknown;
  std::uint32_t build = 0;                    // of Windows
  const base::ByteSource* memory = nullptr;   // never null; outlives the space
  symbols::Symbolizer* symbolizer = nullptr;  // likewise

  bool is_kernel = true;  // false: user code, which no trap interrupts

  // Of the cache of rules, pairs as a power of two: there is one for each process with user frames,
  // and few frames are the same in them; the kernel's are on every stack.
  unsigned rule_bits() const { return is_kernel ? 12 : 7; }
  bool is_64_bit() const { return base::is_64_bit(architecture); }
};

}  // namespace ntstack::stacks
