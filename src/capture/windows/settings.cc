#include "capture/windows/settings.h"

#include <windows.h>

#include <vector>

#include "base/text.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

#ifndef RRF_SUBKEY_WOW6464KEY
#define RRF_SUBKEY_WOW6464KEY 0x00010000
#endif
// The system's own view of the registry, whatever this program is.
constexpr DWORD kSystemView = RRF_SUBKEY_WOW6464KEY;

LSTATUS get(std::string_view key, std::string_view name, DWORD types, void* to, DWORD& size) {
  return ::RegGetValueW(HKEY_LOCAL_MACHINE, wide(key).c_str(), wide(name).c_str(),
                        types | kSystemView, nullptr, to, &size);
}

}  // namespace

std::optional<std::uint32_t> number_setting(std::string_view key, std::string_view name) {
  DWORD value = 0, size = sizeof value;
  if (get(key, name, RRF_RT_REG_DWORD, &value, size) != ERROR_SUCCESS) return {};
  return value;
}

std::optional<std::string> text_setting(std::string_view key, std::string_view name) {
  std::vector<wchar_t> text(0x8000);
  auto size = static_cast<DWORD>(text.size() * sizeof(wchar_t));
  if (get(key, name, RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND, text.data(), size) !=
      ERROR_SUCCESS)
    return {};
  return utf8(text.data());
}

}  // namespace ntstack::capture::windows
