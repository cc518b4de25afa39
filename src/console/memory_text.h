// Text in the dump's memory, for .printf and as.
#pragma once

#include <cstdint>
#include <string>

#include "console/console.h"

namespace ntstack::console {

enum class TextKind : std::uint8_t { bytes, utf16, ansi_string, unicode_string };

// UTF-8, without what no terminal should get. Bytes and UTF-16 end at a NUL; of an ANSI_STRING or
// UNICODE_STRING `address` is the structure's. Cut after 0x4000 characters. An error: the memory is
// not in the dump.
base::Result<std::string> text_at(Console& console, std::uint64_t address, TextKind kind);

}  // namespace ntstack::console
