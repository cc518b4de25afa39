// The cache of ARM64's rules.
#pragma once

#include "unwind/arm64_rule.h"
#include "unwind/rule_cache.h"

namespace ntstack::unwind::arm64 {

class RuleCache : public AnyRuleCache<Rule> {
 public:
  using AnyRuleCache::AnyRuleCache;
};

}  // namespace ntstack::unwind::arm64
