// dd, dq, dw, db, dc, dp, da, du and dps, dds, dqs.
#include <fmt/format.h>

#include "base/text.h"
#include "console/address_range.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/memory_listing.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;
using base::printable;

constexpr std::uint64_t kUsualBytes = 128;

void remember(Console& console, std::uint64_t next) {
  console.memory.next_address = as_address(next, console.is_64_bit());
}

Done show_rows(Console& console, const Arguments& arguments, const RowFormat& format) {
  const auto range = range_of(console, arguments.text, format.unit, kUsualBytes / format.unit);
  if (!range) return std::unexpected(range.error());
  const std::uint64_t most = format.unit * format.columns;
  std::uint64_t left = range->count * format.unit, at = range->begin;
  while (left > 0 && !console.is_interrupted()) {
    const std::uint64_t size = std::min(left, most);
    const MemoryRow row = read_row(console.context_memory(), at, static_cast<std::size_t>(size));
    console.write(row_text(row, format, console.is_64_bit()));
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < format.unit; ++i)
      last |= std::uint64_t{row.bytes[row.bytes.size() - format.unit + i]} << (8 * i);
    console.memory.last_shown = last;
    at += size;
    left -= size;
  }
  remember(console, at);
  return {};
}

Done dd_command(Console& console, const Arguments& arguments) {
  return show_rows(console, arguments, {4, 4, false});
}
Done dq_command(Console& console, const Arguments& arguments) {
  return show_rows(console, arguments, {8, 2, false});
}
Done dw_command(Console& console, const Arguments& arguments) {
  return show_rows(console, arguments, {2, 8, false});
}
Done db_command(Console& console, const Arguments& arguments) {
  return show_rows(console, arguments, {1, 16, true});
}
Done dc_command(Console& console, const Arguments& arguments) {
  return show_rows(console, arguments, {4, 4, true});
}
Done dp_command(Console& console, const Arguments& arguments) {
  return console.is_64_bit() ? dq_command(console, arguments) : dd_command(console, arguments);
}

// da and du: up to a NUL, 48 characters a line; without a range at most as many as kd shows.
Done show_text(Console& console, const Arguments& arguments, std::uint64_t unit) {
  constexpr std::uint64_t usual = 0x200, in_line = 48;
  const auto range = range_of(console, arguments.text, unit, usual);
  if (!range) return std::unexpected(range.error());
  const base::ByteSource& memory = console.context_memory();
  std::uint64_t at = range->begin;
  std::uint64_t left = range->count;
  bool is_ended = false;
  while (left > 0 && !is_ended && !console.is_interrupted()) {
    std::string text;
    const std::uint64_t line = at;
    for (; left > 0 && text.size() < in_line && !is_ended; --left, at += unit) {
      const auto c = unit == 1 ? memory.get<std::uint8_t>(at).transform(
                                     [](std::uint8_t byte) { return std::uint16_t{byte}; })
                               : memory.get<std::uint16_t>(at);
      is_ended = !c || *c == 0;
      if (!c) text += at == line ? "?" : "";
      if (c && *c != 0) text += *c >= 0x20 && *c < 0x7f ? static_cast<char>(*c) : '.';
    }
    console.write(fmt::format("{}  \"{}\"\n", console.address_text(line), text));
  }
  remember(console, at);
  return {};
}

Done da_command(Console& console, const Arguments& arguments) {
  return show_text(console, arguments, 1);
}
Done du_command(Console& console, const Arguments& arguments) {
  return show_text(console, arguments, 2);
}

// The options among the words of `text` are taken out of it.
struct SlotOptions {
  bool only_symbols = false;     // -n
  bool without_meaning = false;  // -q
  std::string range;
};

SlotOptions options_of(std::string_view text) {
  SlotOptions options;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string_view word = text.substr(at, end - at);
    if (word == "-n") {
      options.only_symbols = true;
    } else if (word == "-q") {
      options.without_meaning = true;
    } else {
      options.range.append(options.range.empty() ? "" : " ").append(word);
    }
    at = end + 1;
  }
  return options;
}

ListedSlot read_slot(Console& console, std::uint64_t address, std::size_t unit, bool with_meaning) {
  ListedSlot slot;
  slot.address = address;
  slot.value = console.context_memory().pointer(address, unit == 8);
  if (!slot.value) return slot;
  // ARM64 signs return addresses: their symbol is that of the address without the signature.
  const bool may_be_signed = console.architecture() == base::Architecture::arm64;
  const std::uint64_t named = may_be_signed ? unwind::arm64::without_pac(*slot.value) : *slot.value;
  if (symbols::Symbolizer& images = console.symbolizer_at(named); images.module_at(named))
    slot.symbol = images.name(named, false).function;
  const bool is_pointer = (unit == 8) == console.is_64_bit();
  if (is_pointer && with_meaning) slot.meaning = console.slots().of(address, *slot.value);
  return slot;
}

Done show_slots(Console& console, const Arguments& arguments, std::size_t unit) {
  const SlotOptions options = options_of(arguments.text);
  const auto range = range_of(console, options.range, unit, kUsualBytes / unit);
  if (!range) return std::unexpected(range.error());
  std::uint64_t at = range->begin;
  for (std::uint64_t i = 0; i < range->count && !console.is_interrupted(); ++i, at += unit) {
    const ListedSlot slot = read_slot(console, at, unit, !options.without_meaning);
    if (slot.value) console.memory.last_shown = *slot.value;
    if (options.only_symbols && !slot.has_symbol()) continue;
    console.write(slot_text(slot, console.is_64_bit(), unit, !options.without_meaning));
  }
  remember(console, at);
  return {};
}

Done dps_command(Console& console, const Arguments& arguments) {
  return show_slots(console, arguments, console.is_64_bit() ? 8 : 4);
}
Done dds_command(Console& console, const Arguments& arguments) {
  return show_slots(console, arguments, 4);
}
Done dqs_command(Console& console, const Arguments& arguments) {
  return show_slots(console, arguments, 8);
}

constexpr std::string_view kRanges =
    "RANGE is ADDRESS END (END is in it), ADDRESS L COUNT, ADDRESS L-COUNT (what ends there) or "
    "an\n"
    "ADDRESS alone: 128 bytes. Without a range it goes on where the last one ended, first at the\n"
    "instruction pointer. What is not in the dump is shown as question marks. L?COUNT takes away "
    "the\n"
    "limit of 256 MB.";
constexpr std::string_view kSlots =
    "The address, the value and the value's symbol, in kd's columns; behind a semicolon what the\n"
    "slot probably is: a return address (and where the call before it leads), a frame pointer in "
    "a\n"
    "chain, a field of a trap frame, code that no call precedes, a pointer into a stack, to a\n"
    "thread, a process, a pool block or text. These are likelihoods, and the words say from what.\n"
    "-n shows the slots with symbols alone, -q leaves the meanings out. Ranges are as those of dd.";

Command rows_command(std::string_view name, std::string_view form, std::string_view brief,
                     RunCommand run) {
  return {{name}, "", {form}, brief, {}, {}, Completion::expression, run};
}

}  // namespace

std::vector<Command> memory_commands() {
  Command dd = rows_command("dd", "dd [RANGE]", "Memory as double words (4 bytes)", dd_command);
  dd.details = kRanges;
  dd.examples = {{"dd @esp L4", "four double words at the stack pointer"}};
  return {{{"dps"},
           "",
           {"dps [-n] [-q] [RANGE]"},
           "Memory as pointers, with symbols and what each slot probably is",
           kSlots,
           {{"dps b8ae6000 b8ae9000", "a whole stack"},
            {"dps -n @rsp L100", "what has symbols near the stack pointer"},
            {"dps b9596090 L1", "what a pointer holds"}},
           Completion::expression,
           dps_command},
          {{"dqs"},
           "",
           {"dqs [-n] [-q] [RANGE]"},
           "The same, 8 bytes each",
           {},
           {},
           Completion::expression,
           dqs_command},
          {{"dds"},
           "",
           {"dds [-n] [-q] [RANGE]"},
           "The same, 4 bytes each",
           {},
           {},
           Completion::expression,
           dds_command},
          dd,
          rows_command("dq", "dq [RANGE]", "Memory as quad words (8 bytes)", dq_command),
          rows_command("dp", "dp [RANGE]", "Memory in the size of a pointer", dp_command),
          rows_command("dw", "dw [RANGE]", "Memory as words (2 bytes)", dw_command),
          rows_command("db", "db [RANGE]", "Memory as bytes and characters", db_command),
          rows_command("dc", "dc [RANGE]", "Memory as double words and characters", dc_command),
          rows_command("da", "da [RANGE]", "Text of single bytes, up to a NUL", da_command),
          rows_command("du", "du [RANGE]", "Text in UTF-16, up to a NUL", du_command)};
}

}  // namespace ntstack::console
