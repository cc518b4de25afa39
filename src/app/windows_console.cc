#include "app/windows_console.h"

#include <conio.h>
#include <windows.h>

#include <array>

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

std::optional<std::string> read_console_line() {
  std::u16string line;
  const HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  while (!line.ends_with(u'\n')) {
    std::array<wchar_t, 1024> part;
    DWORD count = 0;
    if (!ReadConsoleW(input, part.data(), static_cast<DWORD>(part.size()), &count, nullptr) ||
        count == 0)
      return std::nullopt;
    for (DWORD i = 0; i < count; ++i) line += static_cast<char16_t>(part[i]);
  }
  constexpr char16_t ctrl_z = 0x1a;
  if (line.front() == ctrl_z) return std::nullopt;
  while (line.ends_with(u'\n') || line.ends_with(u'\r')) line.pop_back();
  return base::utf8_from_utf16(base::Bytes(std::as_bytes(std::span(line))));
}

}  // namespace ntstack::app
