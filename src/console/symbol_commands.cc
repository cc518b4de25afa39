// x: symbols by name.
#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <map>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/wildcards.h"
#include "pe/symbols.h"
#include "symbols/undecorate.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

constexpr std::size_t kMostFound = 100'000, kLongestName = 4096, kLongestPattern = 256;

struct FoundSymbol {
  std::string module, name;
  std::uint64_t address = 0;
  std::uint32_t size = 0;  // 0: not known
};

// The symbols of one module that match.
class ModuleSearch {
 public:
  ModuleSearch(Console& console, symbols::Symbolizer& symbolizer, std::size_t module,
               std::string_view pattern, std::vector<FoundSymbol>& found)
      : console_(console),
        symbolizer_(symbolizer),
        module_(module),
        pattern_(pattern),
        found_(found) {}

  // False: there are too many, or the search was interrupted.
  bool run() {
    if (!has_wildcards(pattern_) && find_exactly()) return true;
    if (const pdb::Pdb* pdb = symbolizer_.pdb(module_)) return search(*pdb);
    const pe::Image* file = symbolizer_.image_file(module_);
    const pe::Image* image = symbolizer_.image(module_);
    if (file && !search(pe::coff_symbols(*file))) return false;
    return !image || search(pe::exports(*image));
  }

 private:
  bool find_exactly() {
    const std::string& name = symbolizer_.short_name(module_);
    const auto address = symbolizer_.address_of(name + "!" + std::string(pattern_));
    if (address) found_.push_back({name, std::string(pattern_), *address, 0});
    return address.has_value();
  }

  bool search(const pdb::Pdb& pdb) {
    constexpr std::uint32_t x86 = 0x014c;
    const auto name_of = [&](std::string_view name, pdb::NameKind kind) {
      name = name.substr(0, kLongestName);
      return kind == pdb::NameKind::public_name ? symbols::undecorate(name, pdb.machine() == x86)
                                                : std::string(name);
    };
    bool goes_on = true;
    pdb.each_symbol(
        [&](std::string_view name, pdb::NameKind kind) {
          return !goes_on || matches(name_of(name, kind), pattern_);
        },
        [&](const pdb::ListedSymbol& symbol) {
          goes_on = goes_on && add(name_of(symbol.name, symbol.kind), symbol.rva, symbol.size);
          return goes_on;
        });
    return goes_on;
  }

  bool search(const base::Result<std::vector<pe::ImageSymbol>>& symbols) {
    if (!symbols) return true;
    for (const pe::ImageSymbol& symbol : *symbols) {
      const std::string_view name = std::string_view(symbol.name).substr(0, kLongestName);
      if (matches(name, pattern_) && !add(std::string(name), symbol.rva, 0)) return false;
    }
    return true;
  }

  bool add(std::string name, std::uint32_t rva, std::uint32_t size) {
    const auto [known, is_new] = seen_.try_emplace({rva, name}, found_.size());
    if (!is_new) {  // a public name has no size, its procedure has
      found_[known->second].size = std::max(found_[known->second].size, size);
      return true;
    }
    const std::uint64_t base = symbolizer_.modules()[module_].base;
    found_.push_back({symbolizer_.short_name(module_), std::move(name), base + rva, size});
    return found_.size() < kMostFound && !console_.is_interrupted();
  }

  Console& console_;
  symbols::Symbolizer& symbolizer_;
  std::size_t module_;
  std::string_view pattern_;
  std::vector<FoundSymbol>& found_;
  std::map<std::pair<std::uint32_t, std::string>, std::size_t> seen_;
};

struct ListOptions {
  char order = 'a';    // a address, n name, z size
  bool falls = false;  // the largest first
  bool only_addresses = false, only_names = false, with_sizes = false;
};

base::Result<ListOptions> take_options(std::string_view& text) {
  ListOptions options;
  while (text.starts_with('/')) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(1, end - 1);
    text = without_blanks(text.substr(end));
    for (const char letter : word) {
      const char lower = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
      if (lower == 'a' || lower == 'n' || lower == 'z') {
        options.order = lower;
        options.falls = lower != letter;
      } else if (letter == '0') {
        options.only_addresses = true;
      } else if (letter == '1') {
        options.only_names = true;
      } else if (letter == 'v') {
        options.with_sizes = true;
      } else if (letter != '2' && letter != 'q') {
        return base::fail("x takes /a, /n, /z (A, N, Z: falling), /0, /1, /2 and /v, not /{}",
                          base::printable(word));
      }
    }
  }
  return options;
}

void sort(std::vector<FoundSymbol>& found, const ListOptions& options) {
  const auto order = [&](const FoundSymbol& a, const FoundSymbol& b) {
    if (options.order == 'n') return a.name <=> b.name;
    if (options.order == 'z') return std::strong_ordering(a.size <=> b.size);
    return std::strong_ordering(a.address <=> b.address);
  };
  std::ranges::sort(found, [&](const FoundSymbol& a, const FoundSymbol& b) {
    const std::strong_ordering by = options.falls ? order(b, a) : order(a, b);
    if (by != std::strong_ordering::equal) return by == std::strong_ordering::less;
    return std::tie(a.address, a.name) < std::tie(b.address, b.name);
  });
}

void show(Console& console, const FoundSymbol& symbol, const ListOptions& options) {
  const std::string address = console.address_text(symbol.address);
  const std::string name = base::printable(symbol.module + "!" + symbol.name);
  if (options.only_addresses || options.only_names) {
    console.write((options.only_addresses ? address : name) + "\n");
    return;
  }
  std::string size;
  if (options.with_sizes) size = symbol.size == 0 ? "    ?" : fmt::format("{:>5x}", symbol.size);
  console.write(fmt::format("{} {:<8} {}\n", address, size, name));
}

Done x_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const auto options = take_options(text);
  if (!options) return std::unexpected(options.error());
  const std::size_t bang = text.find('!');
  if (bang == std::string_view::npos || text.size() > kLongestPattern)
    return base::fail("x takes MODULE!NAME, both with * and ? where wanted");
  const std::string_view module = text.substr(0, bang), name = text.substr(bang + 1);
  std::vector<FoundSymbol> found;
  std::size_t modules = 0;
  bool is_whole = true;
  for (symbols::Symbolizer* each : console.symbolizers()) {
    for (std::size_t i = 0; i < each->modules().size() && is_whole; ++i) {
      if (!matches(each->short_name(i), module)) continue;
      ++modules;
      is_whole = ModuleSearch(console, *each, i, name.empty() ? "*" : name, found).run();
    }
  }
  if (modules == 0) return base::fail("no module is called {}", base::printable(module));
  sort(found, *options);
  for (const FoundSymbol& symbol : found) show(console, symbol, *options);
  if (console.is_interrupted()) return base::fail("interrupted");
  if (!is_whole) return base::fail("there are more than {} symbols: the list ends", kMostFound);
  if (found.empty()) return base::fail("no symbol matches {}", base::printable(text));
  return {};
}

}  // namespace

std::vector<Command> symbol_commands() {
  return {
      {{"x"},
       "",
       {"x [/a|/n|/z] [/v] [/0|/1] MODULE!NAME"},
       "Symbols and their addresses",
       "MODULE and NAME may have * and ?, in any case of letters. Symbols are those of the "
       "module's PDB:\n"
       "its procedures, global data and public names; without one those of the image: COFF "
       "symbols and\n"
       "exports. /a orders them by address, /n by name, /z by size (A, N, Z: falling), /v shows "
       "sizes, /0\n"
       "addresses alone, /1 names alone.",
       {{"x nt!IofCallDriver", "where it is"},
        {"x /n nt!Ke*Thread*", "by name"},
        {"x *!DriverEntry", "in every module"}},
       Completion::expression,
       x_command}};
}

}  // namespace ntstack::console
