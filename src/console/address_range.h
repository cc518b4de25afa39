// Address ranges as commands take them: "ADDRESS END", "ADDRESS L20", "ADDRESS L-20", "ADDRESS".
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

struct AddressRange {
  std::uint64_t begin = 0;
  std::uint64_t count = 0;  // objects; they do not wrap past the last address
};

// Objects of `unit` bytes, `usual` of them where the text does not say. An empty text goes on where
// the last command ended, or else at the instruction pointer.
base::Result<AddressRange> range_of(Console& console, std::string_view text, std::uint64_t unit,
                                    std::uint64_t usual);

}  // namespace ntstack::console
