#include "app/windows_console.h"

#include <conio.h>
#include <windows.h>

#include <array>
#include <span>
#include <string>

#include "base/text.h"

namespace ntstack::app {

std::optional<TerminalSize> console_size() {
  CONSOLE_SCREEN_BUFFER_INFO info;
  if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_OUTPUT_HANDLE), &info)) return std::nullopt;
  return TerminalSize{static_cast<std::size_t>(info.srWindow.Bottom - info.srWindow.Top + 1),
                      static_cast<std::size_t>(info.srWindow.Right - info.srWindow.Left + 1)};
}

char read_key() {
  const int key = _getch();
  return key == EOF ? 'q' : static_cast<char>(key);
}

namespace {

constexpr wchar_t kTab = L'\t', kCtrlZ = 0x1a;

std::string utf8_of(std::wstring_view text) {
  return base::utf8_from_utf16(base::Bytes(std::as_bytes(std::span(text))));
}

// What does not fit into the first read, up to the line's end.
bool read_rest(HANDLE input, std::wstring& line) {
  while (!line.ends_with(L'\n')) {
    std::array<wchar_t, 1024> part;
    DWORD count = 0;
    if (!ReadConsoleW(input, part.data(), static_cast<DWORD>(part.size()), &count, nullptr) ||
        count == 0)
      return false;
    line.append(part.data(), count);
  }
  return true;
}

}  // namespace

std::optional<ConsoleLine> read_console_line(std::string_view begun) {
  const HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  std::wstring line(8192, L'\0');
  const int initial =
      begun.empty() ? 0
                    : MultiByteToWideChar(CP_UTF8, 0, begun.data(), static_cast<int>(begun.size()),
                                          line.data(), static_cast<int>(line.size() / 2));
  CONSOLE_READCONSOLE_CONTROL control{};
  control.nLength = sizeof control;
  control.nInitialChars = static_cast<ULONG>(initial);
  control.dwCtrlWakeupMask = 1u << kTab;
  DWORD count = 0;
  if (!ReadConsoleW(input, line.data(), static_cast<DWORD>(line.size()), &count, &control) ||
      count == 0)
    return std::nullopt;
  line.resize(count);
  if (const std::size_t tab = line.find(kTab); tab != std::wstring::npos)
    return ConsoleLine{utf8_of(std::wstring_view(line).substr(0, tab)), true,
                       tab + 1 < line.size()};
  if (!read_rest(input, line) || line.front() == kCtrlZ) return std::nullopt;
  while (line.ends_with(L'\n') || line.ends_with(L'\r')) line.pop_back();
  return ConsoleLine{utf8_of(line)};
}

}  // namespace ntstack::app
