#include "unwind/arm64_chain.h"

namespace ntstack::unwind::arm64 {

std::expected<Step, StepError> step_by_frame_pointer(const base::ByteSource& memory,
                                                     const Registers& callee, bool is_call_site,
                                                     std::uint64_t stack_base) {
  if ((callee.known >> fp & 1) == 0) return std::unexpected(StepError::register_unknown);
  const std::uint64_t record = callee.x[fp];
  if (record < callee.sp || record % 8 != 0 || record >= stack_base)
    return std::unexpected(StepError::no_progress);
  struct Record {
    std::uint64_t fp, lr;
  };
  const auto saved = memory.get<Record>(record);
  if (!saved) return std::unexpected(StepError::memory_missing);
  if (saved->fp != 0 && saved->fp <= record) return std::unexpected(StepError::no_progress);
  Step step;
  step.caller.pc = without_pac(saved->lr);
  step.caller.sp = (record + sizeof(Record) + 15) & ~std::uint64_t{15};  // as SP always is
  step.caller.sp_is_bound = true;
  step.caller.x[fp] = saved->fp;
  step.caller.known = 1u << fp;
  step.signed_return = step.caller.pc != saved->lr;
  const bool lr_agrees =
      (callee.known >> lr & 1) != 0 && without_pac(callee.x[lr]) == step.caller.pc;
  step.trust = is_call_site || lr_agrees ? Trust::frame_pointer : Trust::scan;
  return step;
}

}  // namespace ntstack::unwind::arm64
