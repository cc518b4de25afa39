// dpp, dpa, dpu and their like: memory as pointers, and what they point to.
#include <fmt/format.h>

#include "base/text.h"
#include "console/address_range.h"
#include "console/command_line.h"
#include "console/console.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

std::string unit_text(std::optional<std::uint64_t> value, std::size_t unit) {
  if (!value) return unit == 8 ? "????????`????????" : "????????";
  return base::address_text(*value, unit == 8);
}

// As many characters as kd shows; what is no character is a point.
std::string text_at(Console& console, std::uint64_t address, std::size_t unit) {
  constexpr std::size_t most = 47;
  const base::ByteSource& memory = console.context_memory();
  std::string text;
  for (std::size_t i = 0; i < most; ++i) {
    const std::uint64_t at = address + i * unit;
    const auto c = unit == 1 ? memory.get<std::uint8_t>(at).transform(
                                   [](std::uint8_t byte) { return std::uint16_t{byte}; })
                             : memory.get<std::uint16_t>(at);
    if (!c && i == 0) return "????";
    if (!c || *c == 0) break;
    text += *c >= 0x20 && *c < 0x7f ? static_cast<char>(*c) : '.';
  }
  return "\"" + text + "\"";
}

std::string pointed_text(Console& console, std::uint64_t value, std::size_t unit) {
  const auto pointed = console.context_memory().pointer(value, unit == 8);
  std::string out = unit_text(pointed, unit);
  if (pointed && console.symbolizer_at(*pointed).module_at(*pointed))
    out += " " + base::printable(console.name_of(*pointed));
  return out;
}

// "dqp": values of `unit` bytes at the address; 'p' shows what they point to in the same size, 'a'
// and 'u' the text there.
Done show(Console& console, const Arguments& arguments, std::size_t unit, char what) {
  constexpr std::uint64_t usual = 128;
  const auto range = range_of(console, arguments.text, unit, usual / unit);
  if (!range) return std::unexpected(range.error());
  std::uint64_t at = range->begin;
  for (std::uint64_t i = 0; i < range->count; ++i, at += unit) {
    if (console.is_interrupted()) return base::fail("interrupted");
    const auto value = console.context_memory().pointer(at, unit == 8);
    std::string row = console.address_text(at) + "  " + unit_text(value, unit);
    if (value) console.memory.last_shown = *value;
    if (value && what == 'p') row += "  " + pointed_text(console, *value, unit);
    if (value && what != 'p') row += "  " + text_at(console, *value, what == 'a' ? 1 : 2);
    console.write(row + "\n");
  }
  console.memory.next_address = as_address(at, console.is_64_bit());
  return {};
}

template <std::size_t unit, char what>
Done pointed_command(Console& console, const Arguments& arguments) {
  return show(console, arguments, unit != 0 ? unit : console.is_64_bit() ? 8 : 4, what);
}

Command pointed(std::string_view name, std::string_view form, std::string_view brief,
                RunCommand run) {
  return {{name}, "", {form}, brief, {}, {}, Completion::expression, run};
}

}  // namespace

std::vector<Command> pointed_commands() {
  Command dpp = pointed("dpp", "dpp [RANGE]", "Pointers, and the pointers that are there",
                        pointed_command<0, 'p'>);
  dpp.details =
      "The address, the value, what stands where it points to, and the symbol of that. Ranges are\n"
      "as those of dd. What is not in the dump is shown as question marks.";
  dpp.examples = {{"dpp @rsp L10", "what the stack's values point to"}};
  return {dpp,
          pointed("dqp", "dqp [RANGE]", "The same, 8 bytes each", pointed_command<8, 'p'>),
          pointed("ddp", "ddp [RANGE]", "The same, 4 bytes each", pointed_command<4, 'p'>),
          pointed("dpa", "dpa [RANGE]", "Pointers, and the text of bytes that is there",
                  pointed_command<0, 'a'>),
          pointed("dqa", "dqa [RANGE]", "The same, 8 bytes each", pointed_command<8, 'a'>),
          pointed("dda", "dda [RANGE]", "The same, 4 bytes each", pointed_command<4, 'a'>),
          pointed("dpu", "dpu [RANGE]", "Pointers, and the text in UTF-16 that is there",
                  pointed_command<0, 'u'>),
          pointed("dqu", "dqu [RANGE]", "The same, 8 bytes each", pointed_command<8, 'u'>),
          pointed("ddu", "ddu [RANGE]", "The same, 4 bytes each", pointed_command<4, 'u'>)};
}

}  // namespace ntstack::console
