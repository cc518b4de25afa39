// What needs a desktop: windows that hang, and the question for an administrator's rights. Their
// DLLs are loaded when they are asked for.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::vector<std::string> hung_windows(std::uint32_t process_id);
std::expected<int, Status> run_elevated(const std::vector<std::string>& arguments);

}  // namespace ntstack::capture::windows
