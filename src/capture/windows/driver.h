// ntstack's driver: its device, its service, and the kernel's images.
#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <vector>

#include "capture/system.h"

namespace ntstack::capture::windows {

std::expected<Handle, Status> open_device();
Status device_control(Handle device, std::uint32_t code, std::span<const std::byte> in,
                      std::span<std::byte> out, std::uint32_t& returned);

std::expected<DriverService, Status> driver_service();
Status install_driver(const std::filesystem::path& image);
Status start_driver();
Status stop_driver();
Status remove_driver();

std::filesystem::path own_folder();
std::filesystem::path system_root();

}  // namespace ntstack::capture::windows
