// What machine and Windows this is.
#pragma once

#include "capture/system.h"

namespace ntstack::capture::windows {

MachineFacts machine();
bool runs_under_wow64();

}  // namespace ntstack::capture::windows
