// LIST_ENTRY chains of the kernel, which in a dump may be broken, cyclic or partly missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::target {

struct ListWalk {
  std::vector<std::uint64_t> entries;  // addresses of the LIST_ENTRYs in order, without the head
  // Why the list could not be followed whole, a sentence without a full stop; empty: it was. What
  // was reached from both ends is in `entries` all the same.
  std::string broken;
};

// Follows Flink from the head on; where that breaks, Blink from the head on too. At most `most`
// entries.
ListWalk walk_list(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit,
                   std::size_t most);

}  // namespace ntstack::target
