// The chain of frame records that Windows' ARM64 code keeps: the way on where no unwind data is at
// hand.
#pragma once

#include "unwind/arm64.h"

namespace ntstack::unwind::arm64 {

// One step: FP points to a record {the caller's FP, the return address}. The record is at or above
// SP, aligned to 8 (clang puts records anywhere in the frame), below `stack_base`, and the chain
// rises or ends with 0. Trust is frame_pointer where the frame must have set up its record, since
// it called, and scan where it may not have yet. Errors: register_unknown, memory_missing,
// no_progress.
std::expected<Step, StepError> step_by_frame_pointer(const base::ByteSource& memory,
                                                     const Registers& callee, bool is_call_site,
                                                     std::uint64_t stack_base);

}  // namespace ntstack::unwind::arm64
