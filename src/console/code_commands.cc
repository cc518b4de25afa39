// u, ub, uf: the dump's code.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "base/text.h"
#include "code/disassembler.h"
#include "console/command_line.h"
#include "console/console.h"
#include "report/disassembly.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

constexpr std::uint64_t kUsual = 8;  // instructions, as kd lists them

// What u and ub are told.
struct CodeRange {
  std::uint64_t address = 0;
  bool is_given = false;           // else it goes on where the last one ended
  std::uint64_t count = 0;         // instructions
  std::uint64_t end = UINT64_MAX;  // behind the last byte where one may begin
};

base::Result<std::uint64_t> next_address(Console& console) {
  if (console.memory.next_code) return *console.memory.next_code;
  const auto registers = console.registers();
  if (!registers) return std::unexpected(registers.error());
  return stacks::ip_of(registers->registers);
}

base::Result<std::uint64_t> count_in(Console& console, std::string_view text) {
  const auto count = console.evaluate(text.substr(1));
  if (!count) return std::unexpected(count.error());
  if (*count == 0 || *count > analysis::kMostLines)
    return base::fail("Range error in '{}': 1 to 0x{:x} instructions", base::printable(text),
                      analysis::kMostLines);
  return *count;
}

// "", "ADDRESS", "ADDRESS L COUNT", "ADDRESS END", "L COUNT".
base::Result<CodeRange> code_range_of(Console& console, std::string_view text) {
  CodeRange range{0, false, kUsual, UINT64_MAX};
  const auto is_length = [&] {
    return text.size() > 1 && (text[0] == 'L' || text[0] == 'l') &&
           (text[1] == ' ' || std::isxdigit(static_cast<unsigned char>(text[1])) != 0 ||
            text[1] == '@' || text[1] == '(');
  };
  if (text.empty() || is_length()) {
    const auto next = next_address(console);
    if (!next) return std::unexpected(next.error());
    range.address = *next;
  } else {
    const auto first = console.evaluate_first(text);
    if (!first) return std::unexpected(first.error());
    range.address = as_address(first->value, console.is_64_bit());
    range.is_given = true;
    text = without_blanks(text.substr(first->length));
  }
  if (text.empty()) return range;
  if (is_length()) {
    const auto count = count_in(console, text);
    if (!count) return std::unexpected(count.error());
    range.count = *count;
    return range;
  }
  const auto last = console.evaluate(text);
  if (!last) return std::unexpected(last.error());
  const std::uint64_t end = as_address(*last, console.is_64_bit());
  if (end < range.address) return base::fail("Range error in '{}'", base::printable(text));
  range.end = end == UINT64_MAX ? end : end + 1;
  range.count = analysis::kMostLines;
  return range;
}

Done checked() {
  if (code::can_disassemble()) return {};
  return base::fail("this build of ntstack has no disassembler (Capstone)");
}

Done u_command(Console& console, const Arguments& arguments) {
  if (const auto possible = checked(); !possible) return possible;
  const auto range = code_range_of(console, arguments.text);
  if (!range) return std::unexpected(range.error());
  const analysis::CodeView& code = console.code_at(range->address);
  const analysis::Listing listing =
      analysis::list_from(code, range->address, range->count, range->end);
  if (listing.lines.empty()) return base::fail("{}", listing.why_ended);
  console.write(report::listing_text(listing, code.is_64_bit_at(range->address)));
  const code::Disassembled& last = listing.lines.back().instruction;
  console.memory.next_code = as_address(last.address + last.length, console.is_64_bit());
  return {};
}

Done ub_command(Console& console, const Arguments& arguments) {
  if (const auto possible = checked(); !possible) return possible;
  const auto range = code_range_of(console, arguments.text);
  if (!range) return std::unexpected(range.error());
  if (range->end != UINT64_MAX) return base::fail("ub takes ADDRESS and L COUNT");
  const analysis::CodeView& code = console.code_at(range->address);
  const bool is_64_bit = code.is_64_bit_at(range->address);
  analysis::Listing listing = analysis::list_before(code, range->address, range->count);
  if (listing.lines.empty()) return base::fail("{}", listing.why_ended);
  console.memory.next_code = listing.lines.front().instruction.address;
  std::string called_line;
  if (range->is_given) {
    const analysis::Called called = analysis::called_before(code, range->address);
    called_line = report::called_line(called, is_64_bit);
    // A call that leads somewhere begins there for sure.
    if (listing.lines.size() == 1 && called.call && !called.is_guess) listing.notes.clear();
  }
  console.write(report::listing_text(listing, is_64_bit) + called_line);
  return {};
}

// uf /c: the calls alone.
std::string calls_text(const analysis::CodeView& code, const analysis::FunctionCode& function,
                       bool is_64_bit) {
  const auto named = [&](const std::string& symbol, std::uint64_t address) {
    const std::string at = base::address_text(address, is_64_bit);
    return symbol.empty() ? at : fmt::format("{} ({})", base::printable(symbol), at);
  };
  std::string out = named(function.symbol, function.start.address) + "\n";
  for (const analysis::CodeBlock& block : function.blocks) {
    for (const analysis::Line& line : block.lines) {
      const code::Disassembled& instruction = line.instruction;
      if (instruction.flow != code::Flow::call) continue;
      const analysis::Called called =
          analysis::called_before(code, instruction.address + instruction.length);
      out += fmt::format("  {}:\n", named(line.symbol, instruction.address));
      if (called.target) {
        out += fmt::format("    call to {}\n", named(called.symbol, *called.target));
      } else if (!called.symbol.empty()) {
        out += fmt::format("    call to {}\n", base::printable(called.symbol));
      } else {
        out += fmt::format("    unresolvable call: {} {}\n", instruction.mnemonic,
                           report::operands_text(line, is_64_bit));
      }
    }
  }
  return out;
}

Done uf_command(Console& console, const Arguments& arguments) {
  if (const auto possible = checked(); !possible) return possible;
  std::string_view text = arguments.text;
  bool only_calls = false, counts = false;
  while (text.starts_with('/')) {
    const std::size_t end = std::min(text.find(' '), text.size());
    for (const char option : text.substr(1, end - 1)) {
      only_calls |= option == 'c' || option == 'D';
      counts |= option == 'i';
    }
    text = without_blanks(text.substr(end));
  }
  const auto range = code_range_of(console, text);
  if (!range) return std::unexpected(range.error());
  const analysis::CodeView& code = console.code_at(range->address);
  const bool is_64_bit = code.is_64_bit_at(range->address);
  const analysis::FunctionCode function = analysis::function_code(code, range->address);
  if (function.blocks.empty())
    return base::fail("{}", function.notes.empty() ? "no code is there" : function.notes.front());
  if (counts) console.write(fmt::format("{} instructions scanned\n\n", function.instructions));
  console.write(only_calls ? calls_text(code, function, is_64_bit)
                           : report::function_text(function, is_64_bit));
  return {};
}

constexpr std::string_view kDetails =
    "RANGE is ADDRESS (8 instructions), ADDRESS L COUNT or ADDRESS END; without an address it goes "
    "on\n"
    "where the last u ended, first at the instruction pointer. The code is the dump's, or else "
    "that of\n"
    "the matching image file. What an instruction reads a pointer from is shown with what it holds "
    "and\n"
    "where that leads.";

}  // namespace

std::vector<Command> code_commands() {
  return {{{"u"},
           "",
           {"u [RANGE]"},
           "Disassembly",
           kDetails,
           {{"u @eip", "8 instructions from where the processor was"},
            {"u nt!IofCallDriver L4", "4 instructions"}},
           Completion::expression,
           u_command},
          {{"ub"},
           "",
           {"ub [ADDRESS] [L COUNT]"},
           "Disassembly of what lies before an address; of a return address also what was called",
           "x86's and x64's code can't be read backwards: it is read forwards from the function's "
           "start,\n"
           "and where that is not known the listing says that it is a guess. Behind a return "
           "address one\n"
           "more line says what the call before it called, through pointers and thunks.",
           {{"ub b958ecdf L1", "the call before a return address"}},
           Completion::expression,
           ub_command},
          {{"uf"},
           "",
           {"uf [/c] [/i] [ADDRESS]"},
           "Disassembly of the whole function that holds an address",
           "/c shows its calls alone and what they call, /i how many instructions it has.",
           {{"uf b8d8c0d0", "a function without a name"}, {"uf /c nt!NtClose", "what it calls"}},
           Completion::expression,
           uf_command}};
}

}  // namespace ntstack::console
