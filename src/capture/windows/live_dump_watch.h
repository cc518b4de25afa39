// Events of Microsoft-Windows-Kernel-LiveDump as they come, by a trace session of real time.
#pragma once

#include <functional>
#include <memory>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::unique_ptr<Watch> watch_live_dumps(std::function<void(const LiveDumpEvent&)> on_event,
                                        Status& why);

}  // namespace ntstack::capture::windows
