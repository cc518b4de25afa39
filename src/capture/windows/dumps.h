// The calls that write dumps, and the file and event that they are given.
#pragma once

#include <expected>
#include <filesystem>
#include <span>

#include "capture/system.h"

namespace ntstack::capture::windows {

Status debug_control(std::uint32_t command, std::span<const std::byte> in, std::span<std::byte> out,
                     std::uint32_t& returned);
std::expected<Handle, Status> create_file(const std::filesystem::path& path);
std::expected<Handle, Status> create_event();

bool can_write_user_dumps();
base::Result<void> write_user_dump(Handle process, std::uint32_t process_id,
                                   const std::filesystem::path& path, UserDump kind);

}  // namespace ntstack::capture::windows
