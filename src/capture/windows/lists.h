// The system's processes with their threads, and this process's handles.
#pragma once

#include <expected>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::expected<std::vector<ProcessFacts>, Status> list_processes();
std::expected<std::vector<HandleFacts>, Status> list_own_handles();
std::expected<std::vector<dump::ModuleRecord>, Status> list_kernel_modules();

}  // namespace ntstack::capture::windows
