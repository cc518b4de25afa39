// The cache of x64's rules.
#pragma once

#include "unwind/rule_cache.h"
#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {

class RuleCache : public AnyRuleCache<Rule> {
 public:
  using AnyRuleCache::AnyRuleCache;
};

}  // namespace ntstack::unwind::x64
