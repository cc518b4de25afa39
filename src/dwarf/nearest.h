// Of ranges that are sorted by where they begin, the innermost that holds an RVA.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "dwarf/units.h"

namespace ntstack::dwarf {

// Honest ranges nest little: only some before the RVA are looked at. Null where none holds it.
template <class T, class RangeOf>
const T* nearest_holding(const std::vector<T>& sorted, std::uint32_t rva, RangeOf range_of) {
  constexpr int kMostNested = 16;
  auto at = std::ranges::upper_bound(sorted, rva, {},
                                     [&](const T& each) { return range_of(each).begin; });
  for (int i = 0; i < kMostNested && at != sorted.begin(); ++i) {
    --at;
    if (range_of(*at).contains(rva)) return &*at;
  }
  return nullptr;
}

}  // namespace ntstack::dwarf
