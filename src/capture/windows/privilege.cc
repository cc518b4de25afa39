#include "capture/windows/privilege.h"

#include <windows.h>

#include "capture/windows/ntdll.h"

namespace ntstack::capture::windows {
namespace {

constexpr Status kNotAllAssigned = 0x106;  // STATUS_NOT_ALL_ASSIGNED

std::unexpected<Status> last_error() { return std::unexpected(status_of_error(::GetLastError())); }

std::expected<bool, Status> adjust(HANDLE token, bool on) {
  TOKEN_PRIVILEGES wanted{}, before{};
  wanted.PrivilegeCount = 1;
  wanted.Privileges[0].Attributes = on ? SE_PRIVILEGE_ENABLED : 0;
  if (!::LookupPrivilegeValueW(nullptr, L"SeDebugPrivilege", &wanted.Privileges[0].Luid))
    return last_error();
  DWORD size = sizeof before;
  if (!::AdjustTokenPrivileges(token, FALSE, &wanted, sizeof before, &before, &size))
    return last_error();
  if (::GetLastError() == ERROR_NOT_ALL_ASSIGNED) return std::unexpected(kNotAllAssigned);
  // What was as it should be is not in the state before.
  if (before.PrivilegeCount == 0) return on;
  return (before.Privileges[0].Attributes & SE_PRIVILEGE_ENABLED) != 0;
}

}  // namespace

std::expected<bool, Status> set_debug_privilege(bool on) {
  HANDLE token = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
    return last_error();
  auto before = adjust(token, on);
  ::CloseHandle(token);
  return before;
}

bool elevated() {
  HANDLE token = nullptr;
  if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) return false;
  TOKEN_ELEVATION elevation{};
  DWORD size = sizeof elevation;
  const bool told = ::GetTokenInformation(token, TokenElevation, &elevation, size, &size) != 0;
  ::CloseHandle(token);
  return told && elevation.TokenIsElevated != 0;
}

}  // namespace ntstack::capture::windows
