// The DPCs that processors have queued: KPRCB.DpcData, by nt's types, else where public types have
// it: two KDPC_DATA in front of KPRCB.DpcStack, whose lists must be whole to be believed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "console/console.h"

namespace ntstack::console {

struct DeferredCall {
  std::uint64_t address = 0;  // KDPC
  std::uint64_t routine = 0, context = 0;
  bool is_there = false;  // false: only its address is in the dump
};

struct DpcQueue {
  std::uint32_t depth = 0;  // KDPC_DATA.DpcQueueDepth
  std::vector<DeferredCall> calls;
  std::string broken;  // why its list could not be followed whole; empty: it was
};

struct DpcQueues {
  DpcQueue normal, threaded;
};
// An error says what is missing.
base::Result<DpcQueues> dpc_queues_of(Console& console, const target::Processor& processor);

}  // namespace ntstack::console
