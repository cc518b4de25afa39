// s, !list, .foreach.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <unordered_set>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/address_range.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/memory_listing.h"
#include "console/memory_search.h"
#include "console/repetition.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// `s -[1]q`: what is looked for, and how it is shown.
struct SearchKind {
  char unit = 'b';
  bool only_addresses = false;
  std::uint64_t size() const { return unit == 'q' ? 8 : unit == 'd' ? 4 : unit == 'w' ? 2 : 1; }
  bool is_text() const { return unit == 'a' || unit == 'u'; }
};

base::Result<SearchKind> take_kind(std::string_view& text) {
  SearchKind kind;
  if (!text.starts_with('-')) return kind;
  const std::size_t end = std::min(text.find(' '), text.size());
  std::string_view word = text.substr(1, end - 1);
  text = without_blanks(text.substr(end));
  if (word.starts_with('[')) {
    const std::size_t close = word.find(']');
    if (close == std::string_view::npos) return base::fail("s: no ] is behind the [");
    kind.only_addresses = word.substr(0, close).find('1') != std::string_view::npos;
    word = word.substr(close + 1);
  }
  if (word.empty()) return kind;
  if (word.size() != 1 || std::string_view("bwdqau").find(word[0]) == std::string_view::npos)
    return base::fail("s -{} is not supported: b, w, d, q, a and u are", base::printable(word));
  kind.unit = word[0];
  return kind;
}

void append(std::vector<std::byte>& pattern, std::uint64_t value, std::uint64_t size) {
  for (std::uint64_t i = 0; i < size; ++i)
    pattern.push_back(static_cast<std::byte>(value >> (8 * i)));
}

base::Result<std::vector<std::byte>> pattern_of(Console& console, const SearchKind& kind,
                                                std::string_view text) {
  std::vector<std::byte> pattern;
  if (text.starts_with('"')) {
    const std::size_t end = std::min(text.find('"', 1), text.size());
    for (const char c : text.substr(1, end - 1))
      append(pattern, static_cast<unsigned char>(c), kind.unit == 'u' ? 2 : 1);
  } else if (kind.is_text()) {
    return base::fail("s -{} takes text in quotes", kind.unit);
  } else {
    while (!text.empty()) {
      const auto value = console.evaluate_first(text);
      if (!value) return std::unexpected(value.error());
      append(pattern, value->value, kind.size());
      text = without_blanks(text.substr(value->length));
    }
  }
  if (pattern.empty()) return base::fail("s: what is to be found is not said");
  return pattern;
}

// RANGE here ends before the pattern: "ADDRESS END", "ADDRESS L COUNT", "ADDRESS L?COUNT".
base::Result<SearchRange> take_range(Console& console, const SearchKind& kind,
                                     std::string_view& text) {
  const auto begin = console.evaluate_first(text);
  if (!begin) return std::unexpected(begin.error());
  text = without_blanks(text.substr(begin->length));
  const bool has_length = text.starts_with('L') || text.starts_with('l');
  if (has_length) text = without_blanks(text.substr(1));
  const bool is_unlimited = has_length && text.starts_with('?');
  if (is_unlimited) text = without_blanks(text.substr(1));
  const auto second = console.evaluate_first(text);
  if (!second) return std::unexpected(second.error());
  text = without_blanks(text.substr(second->length));
  const bool wide = console.is_64_bit();
  SearchRange range{as_address(begin->value, wide), 0, kind.is_text() ? 1 : kind.size()};
  const std::uint64_t room = (wide ? UINT64_MAX : UINT32_MAX) - range.begin;
  if (has_length) {
    if (second->value > UINT64_MAX / range.step) return base::fail("Range error");
    range.size = second->value * range.step;
  } else {
    const std::uint64_t end = as_address(second->value, wide);
    if (end < range.begin) return base::fail("Range error");
    range.size = end - range.begin == UINT64_MAX ? UINT64_MAX : end - range.begin + 1;
  }
  if (!is_unlimited && range.size > console.settings.most_bytes)
    return base::fail("Range error: more than 256 MB takes L?");
  range.size = std::min(range.size, room);
  return range;
}

void show_match(Console& console, const SearchKind& kind, std::uint64_t at) {
  if (kind.only_addresses) {
    console.write(fmt::format("0x{}\n", console.address_text(at)));
    return;
  }
  const std::uint64_t unit = kind.unit == 'u' ? 2 : kind.size();
  const RowFormat format{static_cast<std::size_t>(unit), static_cast<std::size_t>(16 / unit),
                         unit != 8};
  console.write(row_text(read_row(console.context_memory(), at, 16), format, console.is_64_bit()));
}

Done s_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const auto kind = take_kind(text);
  if (!kind) return std::unexpected(kind.error());
  const auto range = take_range(console, *kind, text);
  if (!range) return std::unexpected(range.error());
  const auto pattern = pattern_of(console, *kind, text);
  if (!pattern) return std::unexpected(pattern.error());
  constexpr std::uint64_t most = 100'000;
  std::uint64_t found = 0;
  const bool is_whole = search_memory(
      console.context_memory(), *range, *pattern,
      [&](std::uint64_t at) {
        show_match(console, *kind, at);
        return ++found < most && !console.is_interrupted();
      },
      [&] { return console.is_interrupted(); });
  if (console.is_interrupted()) return {};
  if (found == most)
    return base::fail("there are more than {} matches: the search ends here", most);
  if (!is_whole)
    return base::fail("the range has too many holes to search it whole: take a smaller one");
  return {};
}

struct ListType {
  std::string module, structure, member;
};

// "nt!_KTHREAD.ThreadListEntry.Flink"
std::optional<ListType> list_type(std::string_view text) {
  ListType type{"nt", {}, {}};
  if (const std::size_t bang = text.find('!'); bang != std::string_view::npos) {
    type.module = text.substr(0, bang);
    text = text.substr(bang + 1);
  }
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos) return std::nullopt;
  type.structure = text.substr(0, point);
  type.member = text.substr(point + 1);
  return type;
}

Done list_command(Console& console, const Arguments& arguments) {
  const Options options = read_options(arguments.text, "txam");
  const auto type_text = options.value_of('t');
  if (!type_text) return base::fail("!list takes -t MODULE!TYPE.FIELD: help !list");
  const auto type = list_type(*type_text);
  if (!type) return base::fail("-t takes TYPE.FIELD, not {}", base::printable(*type_text));
  const auto place =
      analysis::field_place(console.kernel_view(), type->module, type->structure, type->member);
  if (!place)
    return base::fail("where {} is is not known: {}'s types have no such field, or are not at hand",
                      base::printable(*type_text), base::printable(type->module));
  const auto start = console.evaluate(options.rest);
  if (!start) return std::unexpected(start.error());
  const std::string command = options.value_of('x').value_or("dp");
  const std::string added = options.value_of('a').value_or("");
  const bool wide = console.is_64_bit();
  // LIST_ENTRYs point to each other, other links to the whole next object.
  const std::string lower = base::lower(type->member);
  const std::uint64_t word = wide ? 8 : 4;
  std::uint64_t back = 0;
  if (lower == "flink" || lower.ends_with(".flink")) back = place->offset;
  if (lower == "blink" || lower.ends_with(".blink")) back = place->offset - word;
  constexpr std::size_t most = 0x10000;
  std::unordered_set<std::uint64_t> seen;
  std::uint64_t at = as_address(*start, wide);
  Loop loop(console);
  while (seen.size() < most && seen.insert(at).second) {
    console.memory.list_element = at;
    const auto goes_on =
        loop.run(fmt::format("{} 0x{} {}", command, console.address_text(at), added));
    if (!goes_on) return std::unexpected(goes_on.error());
    if (!*goes_on) return {};
    const auto next = console.context_memory().pointer(at + place->offset, wide);
    if (!next)
      return base::fail("the link at {} is not in the dump",
                        console.address_text(at + place->offset));
    if (*next == 0) return {};
    at = as_address(*next - back, wide);
  }
  if (seen.size() >= most) return base::fail("the list has more than {} elements", most);
  return {};
}

struct EachOptions {
  std::uint64_t skip = 0, between = 0;  // /pS, /ps
  bool of_file = false;                 // /f
};

base::Result<EachOptions> take_each_options(Console& console, std::string_view& text) {
  EachOptions options;
  while (text.starts_with('/')) {
    std::size_t end = std::min(text.find_first_of(" ("), text.size());
    const std::string_view word = text.substr(0, end);
    text = without_blanks(text.substr(end));
    if (word == "/f" || word == "/s") {
      options.of_file = word == "/f";
      continue;
    }
    if (word != "/pS" && word != "/ps")
      return base::fail(".foreach takes /pS, /ps, /s and /f, not {}", base::printable(word));
    end = std::min(text.find(' '), text.size());
    const auto value = console.evaluate(text.substr(0, end));
    if (!value) return std::unexpected(value.error());
    (word == "/pS" ? options.skip : options.between) = *value;
    text = without_blanks(text.substr(end));
  }
  return options;
}

// What the words are of: what commands in braces answer, or text in quotes, or a file of that name.
base::Result<std::string> each_text(Console& console, std::string_view source, bool of_file) {
  if (const auto block = take_block(source, '{', '}')) return console.output_of(block->inside);
  if (!source.starts_with('"'))
    return base::fail(".foreach takes commands in braces, or text in quotes");
  source = source.substr(1, source.size() - (source.ends_with('"') && source.size() > 1 ? 2 : 1));
  if (!of_file) return std::string(source);
  if (!console.may_use_files) return base::fail("no files are read here");
  constexpr std::size_t most = 0x1000000;
  std::ifstream file(base::path_from_utf8(source), std::ios::binary);
  if (!file) return base::fail("{} can't be read", base::printable(source));
  std::string text(most, '\0');
  file.read(text.data(), static_cast<std::streamsize>(most));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

// ".foreach [/pS N] [/ps N] (name { commands }) { commands }", and (name "text").
Done foreach_command(Console& console, const Arguments& arguments) {
  constexpr std::string_view form = ".foreach takes (NAME { COMMANDS }) { COMMANDS }";
  std::string_view text = arguments.text;
  const auto options = take_each_options(console, text);
  if (!options) return std::unexpected(options.error());
  const auto head = take_block(text, '(', ')');
  if (!head) return base::fail("{}", form);
  const std::size_t end = std::min(head->inside.find_first_of(" {\""), head->inside.size());
  const std::string name(head->inside.substr(0, end));
  const std::string_view source = without_blanks(head->inside.substr(end));
  const auto body = take_block(head->rest, '{', '}');
  if (name.empty() || source.empty() || !body) return base::fail("{}", form);
  const auto found = each_text(console, source, options->of_file);
  if (!found) return std::unexpected(found.error());
  constexpr std::uint64_t most = 100'000;
  const std::vector<std::string> words = words_of(*found, most);
  Loop loop(console);
  for (std::uint64_t i = std::min(options->skip, most); i < words.size();
       i += 1 + std::min(options->between, most)) {
    const auto goes_on =
        loop.run(with_value(body->inside, name, words[static_cast<std::size_t>(i)]));
    if (!goes_on) return std::unexpected(goes_on.error());
    if (!*goes_on) break;
  }
  if (!body->rest.empty()) console.run(body->rest);
  return {};
}

}  // namespace

std::vector<Command> search_commands() {
  return {
      {{"s"},
       "",
       {"s [-[1]b|w|d|q] RANGE VALUES", "s [-[1]a|u] RANGE \"TEXT\""},
       "Searches memory for bytes, words or text",
       "RANGE is ADDRESS END, ADDRESS L COUNT, or ADDRESS L?COUNT for more than 256 MB. Values "
       "of 2, 4\n"
       "and 8 bytes are looked for at multiples of their size from ADDRESS on. [1] shows the "
       "addresses\n"
       "alone, for .foreach. What is not in the dump is passed over.",
       {{"s -[1]q ($thread & fffffe0000000000) L? 1ffffffffff $proc", "what points to the process"},
        {"s -a nt L?1000000 \"NTFS\"", "text in an image"}},
       Completion::expression,
       s_command},
      {{"!list"},
       "",
       {"!list -t MODULE!TYPE.FIELD [-x \"COMMANDS\"] [-a \"ARGUMENTS\"] ADDRESS"},
       "Runs commands for each element of a list",
       "COMMANDS (dp, where none are given) get the element's address and ARGUMENTS behind them; "
       "$extret\n"
       "is the address too. A field Flink or Blink leads to the next element's entry, others to "
       "the\n"
       "element itself. The list ends at 0, where it comes back, or where the dump ends.",
       {{"!list -t nt!_KTHREAD.ThreadListEntry.Flink -x \"!thread\" -a \"1f\" $thread",
         "all threads of the process"}},
       Completion::none,
       list_command},
      {{".foreach"},
       "",
       {".foreach [/pS N] [/ps N] (NAME { COMMANDS }) { COMMANDS }",
        ".foreach [/pS N] [/ps N] [/s] (NAME \"TEXT\") { COMMANDS }",
        ".foreach [/pS N] [/ps N] /f (NAME \"FILE\") { COMMANDS }"},
       "Runs commands for each word of what other commands answer, of a text or of a file",
       "NAME as a word of its own, or as ${NAME}, is the word. /pS leaves words out at first, "
       "/ps\n"
       "between.",
       {{".foreach (t { s -[1]q ($thread & fffffe0000000000) L? 1ffffffffff $proc }) { !thread t "
         "- 220 1f }",
         "threads that no list leads to"}},
       Completion::none,
       foreach_command}};
}

}  // namespace ntstack::console
