// A process's memory, and the images in it.
#pragma once

#include <expected>
#include <span>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::size_t read_memory(Handle process, std::uint64_t address, std::span<std::byte> to);
std::expected<MemoryRegion, Status> region(Handle process, std::uint64_t address);
// Path, base and size alone: the rest is in the images' own headers.
std::vector<dump::ModuleRecord> modules(Handle process);
bool is_wow64(Handle process);

}  // namespace ntstack::capture::windows
