#include "console/memory_text.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace ntstack::console {
namespace {

constexpr std::size_t kMost = 0x4000;

// Up to a NUL, `most` bytes at most; nothing where not even the first is there.
std::optional<std::vector<std::byte>> terminated(const base::ByteSource& memory,
                                                 std::uint64_t address, std::size_t unit) {
  std::vector<std::byte> bytes = memory.copy(address, kMost * unit);
  if (bytes.size() < unit) return std::nullopt;
  for (std::size_t at = 0; at + unit <= bytes.size(); at += unit) {
    const bool is_nul = std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(at + unit),
                                    [](std::byte byte) { return byte == std::byte{0}; });
    if (!is_nul) continue;
    bytes.resize(at);
    break;
  }
  return bytes;
}

// _UNICODE_STRING and _STRING: Length, MaximumLength, Buffer.
std::optional<std::vector<std::byte>> counted(const Console& console, std::uint64_t address) {
  const base::ByteSource& memory = console.context_memory();
  const bool wide = console.is_64_bit();
  const auto length = memory.get<std::uint16_t>(address);
  const auto buffer = memory.pointer(address + (wide ? 8 : 4), wide);
  if (!length || !buffer) return std::nullopt;
  std::vector<std::byte> bytes = memory.copy(*buffer, *length);
  if (bytes.size() != *length) return std::nullopt;
  return bytes;
}

}  // namespace

base::Result<std::string> text_at(Console& console, std::uint64_t address, TextKind kind) {
  const bool is_counted = kind == TextKind::ansi_string || kind == TextKind::unicode_string;
  const bool is_wide = kind == TextKind::utf16 || kind == TextKind::unicode_string;
  const auto bytes = is_counted ? counted(console, address)
                                : terminated(console.context_memory(), address, is_wide ? 2 : 1);
  if (!bytes) return base::fail("the text at {} is not in the dump", console.address_text(address));
  const base::Bytes view{std::span<const std::byte>(*bytes)};
  if (is_wide) return base::printable(base::utf8_from_utf16(view));
  std::string text;
  for (const std::byte byte : *bytes) text += static_cast<char>(byte);
  return base::printable(text);
}

}  // namespace ntstack::console
