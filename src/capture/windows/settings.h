// Settings in the registry, below HKEY_LOCAL_MACHINE.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ntstack::capture::windows {

std::optional<std::uint32_t> number_setting(std::string_view key, std::string_view name);
std::optional<std::string> text_setting(std::string_view key, std::string_view name);

}  // namespace ntstack::capture::windows
