// What a thread waits for: the dispatcher objects of its wait blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "target/machine.h"

namespace ntstack::analysis {

struct WaitObject {
  std::uint64_t address = 0;
  std::optional<std::uint8_t> type;  // DISPATCHER_HEADER.Type; nothing: not in the dump
};
// By KTHREAD.WaitBlockList; the blocks say themselves whose they are. `count`: KTHREAD's
// WaitBlockCount where it is known (since Windows 8). Empty where the dump does not have them.
std::vector<WaitObject> wait_objects_of(const target::Machine& machine,
                                        const target::Thread& thread,
                                        std::optional<std::uint64_t> count);

// "NotificationEvent", as kd has it (KOBJECTS, public PDB types).
std::string_view dispatcher_name(std::uint8_t type);

}  // namespace ntstack::analysis
