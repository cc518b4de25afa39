#include "unwind/x64_cache.h"

#include <algorithm>

namespace ntstack::unwind::x64 {

RuleCache::RuleCache(unsigned bits)
    : shift_(64 - std::clamp(bits, 1u, 24u)), entries_(std::size_t{1} << (64 - shift_)) {}

void RuleCache::forget() { std::ranges::fill(entries_, Entry{}); }

}  // namespace ntstack::unwind::x64
