#include "unwind/x64.h"

#include "unwind/x64_cache.h"
#include "unwind/x64_rule.h"

namespace ntstack::unwind::x64 {

std::string_view text_of(StepError error) {
  switch (error) {
    case StepError::no_module:
      return "the address is in no module";
    case StepError::no_image:
      return "the module's image is not at hand";
    case StepError::unwind_data_missing:
      return "the image's unwind data is neither in the dump nor at hand";
    case StepError::unwind_data_bad:
      return "the image's unwind data is malformed or of an unknown kind";
    case StepError::not_described:
      return "the call comes from code that the image's function table does not describe";
    case StepError::register_unknown:
      return "the frame register's value is not known";
    case StepError::memory_missing:
      return "the stack's memory is not in the dump";
    case StepError::no_progress:
      return "the stack pointer would not grow: this would loop";
  }
  return "unknown";
}

std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site, RuleCache* cache) {
  if (cache) {
    if (const Rule* known = cache->find(code, callee.rip, is_call_site))
      return apply(*known, memory, callee);
  }
  const auto rule = rule_at(code, memory, callee.rip, is_call_site);
  if (!rule) return std::unexpected(rule.error());
  if (cache) cache->insert(code, callee.rip, is_call_site, *rule);
  return apply(*rule, memory, callee);
}

}  // namespace ntstack::unwind::x64
