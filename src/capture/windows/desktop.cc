#include "capture/windows/desktop.h"

#include <windows.h>

// After windows.h.
#include <shellapi.h>

#include "capture/command_line.h"
#include "capture/windows/ntdll.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

struct User32 {
  decltype(&::EnumWindows) enumerate = find<decltype(&::EnumWindows)>("EnumWindows");
  decltype(&::GetWindowThreadProcessId) process_of =
      find<decltype(&::GetWindowThreadProcessId)>("GetWindowThreadProcessId");
  decltype(&::IsWindowVisible) is_visible = find<decltype(&::IsWindowVisible)>("IsWindowVisible");
  decltype(&::IsHungAppWindow) is_hung = find<decltype(&::IsHungAppWindow)>("IsHungAppWindow");
  // Asks the window nothing.
  decltype(&::InternalGetWindowText) title =
      find<decltype(&::InternalGetWindowText)>("InternalGetWindowText");

  bool is_whole() const { return enumerate && process_of && is_visible && is_hung && title; }

 private:
  template <class Function>
  static Function find(const char* name) {
    return function_of<Function>(L"user32.dll", name);
  }
};

struct Search {
  User32 user32;
  std::uint32_t process_id = 0;
  std::vector<std::string> titles;
};

BOOL CALLBACK look_at(HWND window, LPARAM parameter) {
  constexpr std::size_t kMostTitles = 64;
  Search& search = *reinterpret_cast<Search*>(parameter);
  DWORD process_id = 0;
  search.user32.process_of(window, &process_id);
  if (process_id != search.process_id || !search.user32.is_visible(window) ||
      !search.user32.is_hung(window))
    return TRUE;
  wchar_t title[256];
  const int length = search.user32.title(window, title, static_cast<int>(std::size(title)));
  search.titles.push_back(utf8({title, static_cast<std::size_t>(length < 0 ? 0 : length)}));
  return search.titles.size() < kMostTitles;
}

std::wstring own_path() {
  std::wstring path(0x8000, L'\0');
  path.resize(::GetModuleFileNameW(nullptr, path.data(), static_cast<DWORD>(path.size())));
  return path;
}

std::wstring current_folder() {
  std::wstring path(0x8000, L'\0');
  path.resize(::GetCurrentDirectoryW(static_cast<DWORD>(path.size()), path.data()));
  return path;
}

}  // namespace

std::vector<std::string> hung_windows(std::uint32_t process_id) {
  Search search;
  search.process_id = process_id;
  if (search.user32.is_whole()) search.user32.enumerate(look_at, reinterpret_cast<LPARAM>(&search));
  return std::move(search.titles);
}

std::expected<int, Status> run_elevated(const std::vector<std::string>& arguments) {
  const auto execute = function_of<decltype(&::ShellExecuteExW)>(L"shell32.dll", "ShellExecuteExW");
  if (!execute) return std::unexpected(kNotThere);
  const std::wstring path = own_path(), folder = current_folder();
  const std::wstring line = wide(command_line_of(arguments));
  SHELLEXECUTEINFOW start{};
  start.cbSize = sizeof start;
  start.fMask = SEE_MASK_NOCLOSEPROCESS | SEE_MASK_NOASYNC | SEE_MASK_FLAG_NO_UI;
  start.lpVerb = L"runas";
  start.lpFile = path.c_str();
  start.lpParameters = line.c_str();
  start.lpDirectory = folder.c_str();
  start.nShow = SW_SHOWNORMAL;
  if (!execute(&start) || !start.hProcess)
    return std::unexpected(status_of_error(::GetLastError()));
  ::WaitForSingleObject(start.hProcess, INFINITE);
  DWORD code = 1;
  ::GetExitCodeProcess(start.hProcess, &code);
  ::CloseHandle(start.hProcess);
  return static_cast<int>(code);
}

}  // namespace ntstack::capture::windows
