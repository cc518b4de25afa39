// The files that a world is written into: its dump, and the truth of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "world/kernel_objects.h"
#include "world/truth.h"

namespace ntstack::world {

// With the folders above it. Throws std::runtime_error.
void write_file(const std::filesystem::path& path, const void* bytes, std::size_t size);

// The dump under its name, and truth.json, into `folder`.
void write_world(const std::filesystem::path& folder, const char* name,
                 const std::vector<std::uint8_t>& dump, const KernelObjects& kernel,
                 std::span<const ThreadTruth> threads);

}  // namespace ntstack::world
