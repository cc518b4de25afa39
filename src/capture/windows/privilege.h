// What this program's token allows.
#pragma once

#include <expected>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::expected<bool, Status> set_debug_privilege(bool on);
bool elevated();

}  // namespace ntstack::capture::windows
