// Text: UTF-16 from files, addresses as WinDbg prints them, names made safe for a terminal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ntstack::base {

// UTF-16LE to UTF-8; a lone surrogate becomes U+FFFD. An odd last byte is ignored.
std::string utf8_from_utf16(Bytes utf16);
std::u16string utf16_from_utf8(std::string_view utf8);

// "fffff804`5e688b51" (64-bit) or "8081df65" (32-bit), as WinDbg's text has it.
std::string address_text(std::uint64_t address, bool is_64_bit);

// "0xfffff8045e688b51", as in JSON.
std::string hex_text(std::uint64_t value);

// The name as it may go to a terminal or a log: control characters, DEL, bidirectional overrides
// and bytes that are no UTF-8 become '?'.
std::string printable(std::string_view text);

// Lower case for ASCII letters alone: names of files and modules are compared so.
std::string lower(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

// The part after the last '\' or '/': "\\SystemRoot\\system32\\a.sys" gives "a.sys".
std::string_view file_name_of(std::string_view path);

// A path as UTF-8.
std::string path_text(const std::filesystem::path& path);
std::filesystem::path path_from_utf8(std::string_view utf8);

}  // namespace ntstack::base
