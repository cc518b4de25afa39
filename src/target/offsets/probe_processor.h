// Probes a KPRCB: its threads, and its processor's context.
#pragma once

#include "target/offsets/probe_thread.h"

namespace ntstack::target {

struct ProbedProcessors {
  ProbedOffset current_thread, idle_thread, rsp_base, context, processor_state;
};

// CurrentThread and IdleThread alone: with them probing begins.
ProbedProcessors probe_running_threads(const Evidence& evidence);

// The rest. `initial_stack`: KTHREAD.InitialStack, where it is known.
void probe_processor_fields(const Evidence& evidence, std::optional<std::uint32_t> initial_stack,
                            ProbedProcessors& probed);

}  // namespace ntstack::target
