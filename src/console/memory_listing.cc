#include "console/memory_listing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ntstack::console {

MemoryRow read_row(const base::ByteSource& memory, std::uint64_t address, std::size_t size) {
  MemoryRow row{address, std::vector<std::uint8_t>(size), std::vector<bool>(size)};
  std::size_t at = 0;
  while (at < size) {
    const auto rest = std::as_writable_bytes(std::span(row.bytes)).subspan(at);
    const std::size_t got = memory.read(address + at, rest);
    std::fill_n(row.present.begin() + static_cast<std::ptrdiff_t>(at), got, true);
    at += got;
    if (got != 0) continue;
    const std::uint64_t end = memory.hole_end(address + at);
    if (end == UINT64_MAX || end - address >= size) break;
    at = std::max(at + 1, static_cast<std::size_t>(end - address));
  }
  return row;
}

namespace {

std::string unit_text(const MemoryRow& row, std::size_t at, std::size_t unit) {
  std::uint64_t value = 0;
  for (std::size_t i = unit; i-- > 0;) {
    if (!row.present[at + i]) return std::string(2 * unit, '?');
    value = value << 8 | row.bytes[at + i];
  }
  return unit == 8 ? base::address_text(value, true) : fmt::format("{:0{}x}", value, 2 * unit);
}

std::string missing_unit(std::size_t unit) {
  return unit == 8 ? "????????`????????" : std::string(2 * unit, '?');
}

char character_of(const MemoryRow& row, std::size_t at) {
  if (!row.present[at]) return '?';
  const std::uint8_t byte = row.bytes[at];
  return byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
}

}  // namespace

std::string row_text(const MemoryRow& row, const RowFormat& format, bool is_64_bit) {
  std::string out = base::address_text(row.address, is_64_bit) + " ";
  const std::size_t unit = format.unit;
  const std::size_t units = row.bytes.size() / unit;
  for (std::size_t i = 0; i < units; ++i) {
    // db has a hyphen between its eighth and ninth byte.
    out += unit == 1 && i == 8 ? '-' : ' ';
    const bool is_there = row.present[i * unit] && row.present[i * unit + unit - 1];
    out += is_there ? unit_text(row, i * unit, unit) : missing_unit(unit);
  }
  if (format.has_characters) {
    const std::size_t width = unit == 8 ? 18 : 2 * unit + 1;
    out.append((format.columns - units) * width + 2, ' ');
    for (std::size_t i = 0; i < units * unit; ++i) out += character_of(row, i);
  }
  return out + "\n";
}

std::string slot_text(const ListedSlot& slot, bool is_64_bit, std::size_t unit, bool with_meaning) {
  std::string out = base::address_text(slot.address, is_64_bit) + "  ";
  if (!slot.value) return out + missing_unit(unit) + "\n";
  out += base::address_text(*slot.value, unit == 8);
  if (slot.has_symbol()) {
    out += " " + slot.symbol.text();
    if (slot.symbol.source)
      out += fmt::format(" [{} @ {}]", base::printable(slot.symbol.source->file),
                         slot.symbol.source->line);
  }
  if (with_meaning && !slot.meaning.reason.empty()) out += "  ; " + slot.meaning.reason;
  return out + "\n";
}

}  // namespace ntstack::console
