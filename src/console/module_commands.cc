// lm, ln: what is loaded, and the symbol of an address.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/wildcards.h"
#include "pe/symbols.h"
#include "report/times.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// "(pdb symbols)" as kd has it behind a module's name.
std::string symbols_text(symbols::Symbolizer& symbolizer, std::size_t index) {
  const symbols::ModuleKey& key = symbolizer.modules()[index];
  if (symbolizer.pdb(index))
    return fmt::format("(pdb symbols)          {}", base::printable(key.pdb_name));
  if (symbolizer.dwarf(index)) return "(dwarf symbols)";
  const pe::Image* image = symbolizer.image(index);
  if (!image) return "(no symbols)";
  const auto exports = pe::exports(*image);
  return exports && !exports->empty() ? "(export symbols)       " + base::printable(key.name)
                                      : "(no symbols)";
}

struct ModuleOptions {
  bool is_verbose = false, only_kernel = false, only_user = false, only_names = false;
  std::string pattern = "*";
  std::optional<std::uint64_t> address;
};

// "lmvm nt", "lm vm nt", "lm m nt*", "lm a ADDRESS", "lm 1m".
base::Result<ModuleOptions> module_options(Console& console, const Arguments& arguments) {
  ModuleOptions options;
  std::string letters(arguments.flags);
  std::string_view rest = arguments.text;
  const auto takes = [&](char letter) { return letters.find(letter) != std::string::npos; };
  while (!rest.empty() && !takes('m') && !takes('M') && !takes('a')) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    if (word.find_first_not_of("1mvkuaMfnt") != std::string_view::npos)
      return base::fail("lm takes the letters v, k, u, m PATTERN, a ADDRESS and 1m, not {}",
                        base::printable(word));
    letters += word;
    rest = without_blanks(rest.substr(end));
  }
  options.is_verbose = takes('v');
  options.only_kernel = takes('k');
  options.only_user = takes('u');
  options.only_names = takes('1');
  if (!rest.empty() && takes('a')) {
    const auto address = console.evaluate(rest);
    if (!address) return std::unexpected(address.error());
    options.address = as_address(*address, console.is_64_bit());
  } else if (!rest.empty()) {
    options.pattern = rest;
  }
  return options;
}

std::string verbose_text(Console& console, const symbols::ModuleKey& key) {
  std::string out;
  for (const dump::ModuleRecord& record : console.machine().kernel().modules()) {
    if (record.base != key.base) continue;
    out += fmt::format("    Image path: {}\n    Image name: {}\n", base::printable(record.path),
                       base::printable(key.name));
    constexpr std::uint64_t second = 10'000'000, unix_epoch = 11'644'473'600;
    out +=
        fmt::format("    Timestamp:        {} ({:08X})\n",
                    report::time_text((record.timestamp + unix_epoch) * second), record.timestamp);
    out += fmt::format("    CheckSum:         {:08X}\n    ImageSize:        {:08X}\n",
                       record.checksum, record.size);
  }
  return out;
}

bool is_wanted(Console& console, symbols::Symbolizer& symbolizer, const ModuleOptions& options,
               std::size_t index) {
  const symbols::ModuleKey& key = symbolizer.modules()[index];
  const bool is_user = stacks::is_user_address(key.base, console.architecture());
  if ((options.only_kernel && is_user) || (options.only_user && !is_user)) return false;
  if (options.address) return *options.address - key.base < key.size;
  return matches(symbolizer.short_name(index), options.pattern) ||
         matches(key.name, options.pattern);
}

void list_modules(Console& console, symbols::Symbolizer& symbolizer, const ModuleOptions& options) {
  for (std::size_t i = 0; i < symbolizer.modules().size(); ++i) {
    if (console.is_interrupted()) return;
    if (!is_wanted(console, symbolizer, options, i)) continue;
    const symbols::ModuleKey& key = symbolizer.modules()[i];
    const std::string name = base::printable(symbolizer.short_name(i));
    if (options.only_names) {
      console.write(name + "\n");
      continue;
    }
    std::string row =
        fmt::format("{} {}   {:<10} {}", console.address_text(key.base),
                    console.address_text(key.base + key.size), name, symbols_text(symbolizer, i));
    while (row.ends_with(' ')) row.pop_back();
    console.write(row + "\n");
    if (options.is_verbose) console.write(verbose_text(console, key));
  }
}

Done lm_command(Console& console, const Arguments& arguments) {
  const auto options = module_options(console, arguments);
  if (!options) return std::unexpected(options.error());
  if (!options->only_names)
    console.write(console.is_64_bit() ? "start             end                 module name\n"
                                      : "start    end        module name\n");
  for (symbols::Symbolizer* each : console.symbolizers()) list_modules(console, *each, *options);
  const auto& unloaded = console.machine().kernel().unloaded_modules();
  const bool shows_all =
      options->pattern == "*" && !options->address && !options->only_names && !options->only_user;
  if (!shows_all || unloaded.empty()) return {};
  console.write("\nUnloaded modules:\n");
  for (const dump::UnloadedModuleRecord& record : unloaded)
    console.write(fmt::format("{} {}   {}\n", console.address_text(record.begin),
                              console.address_text(record.end), base::printable(record.name)));
  return {};
}

Done ln_command(Console& console, const Arguments& arguments) {
  std::uint64_t address = 0;
  if (arguments.text.empty()) {
    const auto registers = console.registers();
    if (!registers) return std::unexpected(registers.error());
    address = stacks::ip_of(registers->registers);
  } else {
    const auto value = console.evaluate(arguments.text);
    if (!value) return std::unexpected(value.error());
    address = as_address(*value, console.is_64_bit());
  }
  const symbols::Symbol& symbol = console.symbolizer_at(address).name(address, false).function;
  if (symbol.module.empty()) return base::fail("no module is at {}", console.address_text(address));
  if (symbol.name.empty()) {
    console.write(fmt::format("{} (no symbol is before it)\n", base::printable(symbol.text())));
    return {};
  }
  console.write(fmt::format("({})   {}{}\n", console.address_text(address - symbol.offset),
                            base::printable(symbol.text()),
                            symbol.is_export ? "   (an export: others may lie between)" : ""));
  if (symbol.source)
    console.write(
        fmt::format("{}({})\n", base::printable(symbol.source->file), symbol.source->line));
  if (symbol.offset == 0)
    console.write(fmt::format("Exact matches:\n    {}\n", base::printable(symbol.text())));
  return {};
}

}  // namespace

std::vector<Command> module_commands() {
  return {{{"lm"},
           "vkum1a",
           {"lm[v][k][u] [m PATTERN]", "lm[v] a ADDRESS", "lm 1m [PATTERN]"},
           "The modules that are loaded",
           "k shows those of the kernel alone, u of user mode, v more of each, 1m names alone; m "
           "those whose\n"
           "name PATTERN matches, a the one that holds an address. Behind the name stands what "
           "symbols there\n"
           "are: those of the PDB, of the image's exports, or none. The implicit process's modules "
           "are there\n"
           "after .reload /user.",
           {{"lmvm nt", "all of one"}, {"lm a 8081df65", "whose address it is"}},
           Completion::expression,
           lm_command},
          {{"ln"},
           "",
           {"ln [ADDRESS]"},
           "The symbol nearest before an address",
           "",
           {{"ln 8081df65", "nt!IofCallDriver+0x45"}},
           Completion::expression,
           ln_command}};
}

}  // namespace ntstack::console
