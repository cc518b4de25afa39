// Finds values in the dump's memory, passing over what is not in it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::console {

struct SearchRange {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;  // bytes; begin + size does not wrap past the last address
  std::uint64_t step = 1;  // a match is a multiple of it behind `begin`
};

// Calls `visit` with the address of each place that holds `pattern`, until it returns false. Says
// whether all was searched: holes cost as good as nothing, but the dump may not say where they end,
// and `is_stopped`, asked now and then, may end it.
bool search_memory(const base::ByteSource& memory, const SearchRange& range,
                   const std::vector<std::byte>& pattern,
                   const std::function<bool(std::uint64_t)>& visit,
                   const std::function<bool()>& is_stopped = {});

}  // namespace ntstack::console
