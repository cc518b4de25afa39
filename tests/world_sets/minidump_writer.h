// Writes a user minidump of a program's threads, by the public minidumpapiset.h: with all memory,
// as `procdump -ma` does.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "world/guest_memory.h"
#include "world/image_loader.h"
#include "world_sets/user_program.h"

namespace ntstack::world {

struct MinidumpSource {
  const GuestMemory& memory;
  std::span<const LoadedImage> images;  // the program first
  std::string folder;                   // that they are said to be in: "C:\\Windows\\System32"
  std::span<const ProgramThread> threads;
  std::uint32_t build = 19045;  // as programs see the kernel's 19041
  std::uint32_t process_id = 0;
  std::uint32_t written = 0, process_create_time = 0;  // seconds since 1970
};

std::vector<std::uint8_t> write_minidump(const MinidumpSource& source);

}  // namespace ntstack::world
