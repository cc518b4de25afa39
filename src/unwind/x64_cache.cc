#include "unwind/x64_cache.h"

#include <algorithm>

namespace ntstack::unwind::x64 {

RuleCache::RuleCache(unsigned bits)
    : shift_(64 - std::clamp(bits, 1u, 24u)), pairs_(std::size_t{1} << (64 - shift_)) {}

void RuleCache::forget() { std::ranges::fill(pairs_, Pair{}); }

}  // namespace ntstack::unwind::x64
