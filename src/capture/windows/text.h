// Text between this program, which has UTF-8, and the system, which has UTF-16.
#pragma once

#include <fmt/format.h>
#include <windows.h>

#include <cwchar>
#include <span>
#include <string>
#include <string_view>

#include "base/text.h"

namespace ntstack::capture::windows {

inline std::wstring wide(std::string_view utf8) {
  const std::u16string text = base::utf16_from_utf8(utf8);
  return std::wstring(text.begin(), text.end());
}

inline std::string utf8(std::wstring_view text) {
  return base::utf8_from_utf16(base::Bytes(std::as_bytes(std::span(text))));
}

// What the system says of an error, without a full stop at the end.
inline std::string error_text(DWORD error, HMODULE module = nullptr) {
  wchar_t text[512];
  const DWORD length =
      ::FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS |
                           (module ? FORMAT_MESSAGE_FROM_HMODULE : 0),
                       module, error, 0, text, static_cast<DWORD>(std::size(text)), nullptr);
  std::string phrase = utf8({text, length});
  while (!phrase.empty() && std::string_view("\r\n .").find(phrase.back()) != std::string::npos)
    phrase.pop_back();
  return phrase.empty() ? fmt::format("error {:#x}", error) : phrase;
}

}  // namespace ntstack::capture::windows
