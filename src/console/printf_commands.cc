// .printf.
#include <fmt/format.h>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/memory_text.h"
#include "console/printf_format.h"

namespace ntstack::console {
namespace {

// Where the quote that closes a format is: one behind a backslash does not.
std::size_t closing_quote(std::string_view text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at;
    }
  }
  return std::string_view::npos;
}

std::string symbol_text(Console& console, std::uint64_t address, bool with_line) {
  const symbols::Symbol& symbol = console.symbolizer_at(address).name(address, false).function;
  std::string text = base::printable(symbol.text());
  if (text.empty()) return console.address_text(address);
  text += fmt::format(" ({})", console.address_text(address));
  if (with_line && symbol.source)
    text += fmt::format(" [{} @ {}]", base::printable(symbol.source->file), symbol.source->line);
  return text;
}

// One argument as its piece says.
base::Result<std::string> piece_text(Console& console, const FormatPiece& piece,
                                     std::uint64_t value) {
  const std::uint64_t address = as_address(value, console.is_64_bit());
  if (piece.conversion == "y" || piece.conversion == "ly")
    return aligned(piece, symbol_text(console, address, piece.conversion == "ly"));
  if (!piece.conversion.starts_with('m')) return number_text(piece, value, console.is_64_bit());
  const TextKind kind = piece.conversion == "ma"    ? TextKind::bytes
                        : piece.conversion == "mu"  ? TextKind::utf16
                        : piece.conversion == "msa" ? TextKind::ansi_string
                                                    : TextKind::unicode_string;
  auto text = text_at(console, address, kind);
  if (!text) return std::unexpected(text.error());
  if (piece.precision) text->resize(std::min(*piece.precision, text->size()));
  return aligned(piece, std::move(*text));
}

base::Result<void> printf_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  while (text.starts_with('/'))  // /D and /o are of WinDbg's markup
    text = without_blanks(text.substr(std::min(text.find(' '), text.size())));
  const std::size_t end = closing_quote(text);
  if (!text.starts_with('"') || end == std::string_view::npos)
    return base::fail(".printf takes a format in quotes, and values behind commas");
  const auto pieces = format_pieces(base::printable(text.substr(1, end - 1)));
  if (!pieces) return std::unexpected(pieces.error());
  text = without_blanks(text.substr(end + 1));
  std::string out;
  for (const FormatPiece& piece : *pieces) {
    if (piece.conversion.empty()) {
      out += piece.text;
      continue;
    }
    if (!text.starts_with(',')) return base::fail("no value is there for %{}", piece.conversion);
    text = without_blanks(text.substr(1));
    const auto value = console.evaluate_first(text);
    if (!value) return std::unexpected(value.error());
    text = without_blanks(text.substr(value->length));
    const auto written = piece_text(console, piece, value->value);
    if (!written) return std::unexpected(written.error());
    out += *written;
  }
  if (!text.empty()) return base::fail("Extra character error in '{}'", base::printable(text));
  console.write(out);
  return {};
}

}  // namespace

std::vector<Command> printf_commands() {
  return {{{".printf"},
           "",
           {".printf \"FORMAT\" [, EXPRESSION]..."},
           "Writes values by a format",
           "As C's printf has it: %d %i %u %x %X %o %c with flags, width and precision; I64 and ll "
           "make\n"
           "numbers 64 bits wide, which are 32 else. %p is a pointer, %y its symbol, %ly with the "
           "source\n"
           "line; %ma and %mu text in memory (bytes, UTF-16), %msa and %msu that of an ANSI_STRING "
           "or\n"
           "UNICODE_STRING. \\n, \\t and %% are a line's end, a tab and %.",
           {{".printf \"%p %y\\n\", @rsp, poi(@rsp)", "a slot and its symbol"},
            {".printf \"%msu\\n\", @$t0", "the text of a UNICODE_STRING"}},
           Completion::none,
           printf_command}};
}

}  // namespace ntstack::console
