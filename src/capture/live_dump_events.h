// What the provider Microsoft-Windows-Kernel-LiveDump tells of a live dump, in words, and for how
// long the system stood still. The events' numbers are public (its manifest); the layout of their
// data is checked by its size, and what does not fit is left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture {

// "Capture Pages Workflow: System Quiesce started."; of an unknown number: "event 0x1f4".
std::string event_text(const LiveDumpEvent& event);

// A line each, behind the seconds since the first: "06.8533715 Live Dump Capture Dump Data API
// started."
std::string events_text(std::span<const LiveDumpEvent> events);

// Microseconds between starts and ends of a system quiesce, all together; nothing without a pair.
std::optional<std::uint64_t> stood_still(std::span<const LiveDumpEvent> events);

// What to tell a user who waits: "sizing", "copying memory", "writing the file"; empty for events
// that begin no new stage.
std::string_view stage_of(const LiveDumpEvent& event);

}  // namespace ntstack::capture
