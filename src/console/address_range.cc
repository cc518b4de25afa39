#include "console/address_range.h"

#include "base/text.h"
#include "console/command_line.h"

namespace ntstack::console {
namespace {

// "L20", "l20", "L 20", "L?20", "L-20": what is behind the L.
struct Length {
  std::uint64_t count = 0;
  bool is_before = false, is_unlimited = false;
};

base::Result<Length> length_of(Console& console, std::string_view text) {
  Length length;
  text.remove_prefix(1);
  if (text.starts_with('?')) length.is_unlimited = true;
  if (text.starts_with('-')) length.is_before = true;
  if (length.is_unlimited || length.is_before) text.remove_prefix(1);
  const auto count = console.evaluate(text);
  if (!count) return std::unexpected(count.error());
  length.count = *count;
  return length;
}

base::Result<AddressRange> checked(Console& console, AddressRange range, std::uint64_t unit,
                                   bool is_unlimited, std::string_view text) {
  const std::uint64_t last = console.is_64_bit() ? UINT64_MAX : UINT32_MAX;
  const std::uint64_t most =
      (is_unlimited ? console.settings.most_unlimited : console.settings.most_bytes) / unit;
  if (range.count > most) return base::fail("Range error in '{}'", base::printable(text));
  const std::uint64_t behind_first = (last - range.begin) / unit;
  if (behind_first < range.count) range.count = behind_first + 1;
  return range;
}

}  // namespace

base::Result<AddressRange> range_of(Console& console, std::string_view text, std::uint64_t unit,
                                    std::uint64_t usual) {
  text = without_blanks(text);
  AddressRange range{0, usual};
  if (text.empty()) {
    if (console.memory.next_address) {
      range.begin = *console.memory.next_address;
      return checked(console, range, unit, false, text);
    }
    const auto registers = console.registers();
    if (!registers) return std::unexpected(registers.error());
    range.begin = stacks::ip_of(registers->registers);
    return checked(console, range, unit, false, text);
  }
  const auto begin = console.evaluate_first(text);
  if (!begin) return std::unexpected(begin.error());
  range.begin = as_address(begin->value, console.is_64_bit());
  const std::string_view rest = without_blanks(text.substr(begin->length));
  if (rest.empty()) return checked(console, range, unit, false, text);
  if (rest[0] == 'L' || rest[0] == 'l') {
    const auto length = length_of(console, rest);
    if (!length) return std::unexpected(length.error());
    range.count = length->count;
    if (length->is_before) {
      if (range.count > range.begin / unit)
        return base::fail("Range error in '{}'", base::printable(text));
      range.begin -= range.count * unit;
    }
    return checked(console, range, unit, length->is_unlimited, text);
  }
  const auto end = console.evaluate(rest);
  if (!end) return std::unexpected(end.error());
  const std::uint64_t last = as_address(*end, console.is_64_bit());
  if (last < range.begin) return base::fail("Range error in '{}'", base::printable(text));
  range.count = (last - range.begin) / unit;
  if (range.count != UINT64_MAX) ++range.count;
  return checked(console, range, unit, false, text);
}

}  // namespace ntstack::console
