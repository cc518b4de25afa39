// .sympath, .symfix, .exepath, .reload: where symbols are looked for, and looking anew.
#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/user_symbols.h"
#include "store/symbol_path.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

std::string_view without_quotes(std::string_view text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

bool take_plus(std::string_view& text) {
  if (!text.starts_with('+')) return false;
  text = without_blanks(text.substr(1));
  return true;
}

void set_path(std::string& path, std::string_view text, bool appends) {
  constexpr std::size_t longest = 0x8000;
  text = text.substr(0, longest);
  if (appends && !path.empty() && path.size() < longest) {
    path.append(";").append(text);
  } else {
    path = text;
  }
}

// Where commands write no files, nothing that a server has is kept at a place that they name.
Done check_path(const Console& console, std::string_view text) {
  const bool downloads = text.contains('*') || text.contains("://");
  if (console.may_use_files || !downloads) return {};
  return base::fail("no files are written here: folders alone can be named, no caches or servers");
}

void show_path(Console& console, std::string_view what, const std::string& path, bool is_new) {
  console.write(fmt::format("{} search path is: {}\n", what,
                            path.empty() ? "<empty>" : base::printable(path)));
  if (is_new) console.write("note: .reload looks for symbols by it\n");
}

Done sympath_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const bool appends = take_plus(text);
  if (const auto may = check_path(console, text); !may) return may;
  if (!text.empty()) set_path(console.paths.symbols, without_quotes(text), appends);
  show_path(console, "Symbol", console.paths.symbols, !text.empty());
  return {};
}

Done exepath_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const bool appends = take_plus(text);
  if (const auto may = check_path(console, text); !may) return may;
  if (!text.empty()) set_path(console.paths.images, without_quotes(text), appends);
  show_path(console, "Executable image", console.paths.images, !text.empty());
  return {};
}

Done srcpath_command(Console&, const Arguments&) {
  return base::fail("sources are not shown, so there is no path for them");
}

Done symfix_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const bool appends = take_plus(text);
  const std::string_view cache = without_quotes(text);
  const std::string path = cache.empty() ? fmt::format("srv*{}", store::kMicrosoftServer)
                                         : fmt::format("srv*{}*{}", cache, store::kMicrosoftServer);
  if (const auto may = check_path(console, path); !may) return may;
  set_path(console.paths.symbols, path, appends);
  show_path(console, "Symbol", console.paths.symbols, true);
  return {};
}

struct ReloadOptions {
  bool is_forced = false, only_user = false;
  std::string module;
};

base::Result<ReloadOptions> reload_options(std::string_view text) {
  ReloadOptions options;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text = without_blanks(text.substr(end));
    if (word == "/user") {
      options.only_user = true;
    } else if (word == "/unl" || word == "/u") {
      return base::fail("{} is not supported: what a dump has loaded stays", word);
    } else if (word.starts_with('/')) {
      if (word.find_first_not_of("/finovdlsw") != std::string_view::npos)
        return base::fail(".reload takes /f, /user and a module, not {}", base::printable(word));
      options.is_forced |= word.find('f') != std::string_view::npos;
    } else if (word.find('=') != std::string_view::npos) {
      return base::fail("modules can't be put where the dump has none: {}", base::printable(word));
    } else {
      options.module = word;
    }
  }
  return options;
}

std::optional<std::size_t> module_called(Console& console, std::string_view name) {
  if (const auto found = analysis::module_named(console.kernel_view(), name)) return found;
  const auto& modules = console.symbolizer().modules();
  for (std::size_t i = 0; i < modules.size(); ++i)
    if (base::equals_ignoring_case(modules[i].name, name)) return i;
  return std::nullopt;
}

std::vector<store::Wanted> lacking_files(symbols::Symbolizer& symbolizer, std::size_t index) {
  symbols::Lacking lacking = symbolizer.lacking(index);
  std::vector<store::Wanted> wanted;
  if (lacking.pdb) wanted.push_back(std::move(*lacking.pdb));
  if (lacking.image) wanted.push_back(std::move(*lacking.image));
  return wanted;
}

// Which PDB a module has only its image tells: so a second time.
Done fetch_for(Console& console, const std::vector<std::uint64_t>& bases) {
  for (int round = 0; round < 2 && console.fetch; ++round) {
    std::vector<store::Wanted> wanted;
    for (const std::uint64_t base : bases)
      if (const auto index = console.symbolizer().module_at(base))
        std::ranges::move(lacking_files(console.symbolizer(), *index), std::back_inserter(wanted));
    if (wanted.empty() || console.fetch(wanted) == 0) return {};
    if (const auto done = console.reload(); !done) return done;
  }
  return {};
}

// What stands behind a module's name after it was looked up.
std::string outcome_text(symbols::Symbolizer& symbolizer, std::size_t index) {
  const std::string name = base::printable(symbolizer.short_name(index));
  if (symbolizer.pdb(index))
    return fmt::format("{}: {}\n", name,
                       base::printable(symbolizer.modules()[index].pdb_name.empty()
                                           ? std::string("pdb symbols")
                                           : symbolizer.modules()[index].pdb_name));
  if (symbolizer.dwarf(index)) return fmt::format("{}: dwarf symbols\n", name);
  std::string remedy;
  for (const symbols::Missing& missing : symbolizer.missing())
    if (missing.module == symbolizer.modules()[index].name)
      remedy +=
          fmt::format("    {} is not at hand: {}\n", missing.what, base::printable(missing.remedy));
  return fmt::format("*** No symbols of its own for {}\n{}", name, remedy);
}

Done reload_module(Console& console, const std::string& name) {
  const auto found = module_called(console, name);
  if (!found) return base::fail("\"{}\" was not found in the image list", base::printable(name));
  const std::uint64_t base = console.symbolizer().modules()[*found].base;
  if (const auto done = fetch_for(console, {base}); !done) return done;
  const auto index = console.symbolizer().module_at(base);
  if (!index) return base::fail("{} is gone: the dump was changed", base::printable(name));
  console.write(outcome_text(console.symbolizer(), *index));
  return {};
}

Done reload_all(Console& console) {
  std::vector<std::uint64_t> bases;
  for (const symbols::ModuleKey& key : console.symbolizer().modules()) bases.push_back(key.base);
  if (const auto done = fetch_for(console, bases); !done) return done;
  symbols::Symbolizer& symbolizer = console.symbolizer();
  std::size_t found = 0;
  for (std::size_t i = 0; i < symbolizer.modules().size() && !console.is_interrupted(); ++i)
    found += symbolizer.pdb(i) || symbolizer.dwarf(i) ? 1 : 0;
  console.write(fmt::format("{} of {} modules have symbols of their own\n", found,
                            symbolizer.modules().size()));
  return {};
}

Done reload_command(Console& console, const Arguments& arguments) {
  const auto options = reload_options(arguments.text);
  if (!options) return std::unexpected(options.error());
  if (const auto done = console.reload(); !done) return done;
  const bool is_user = options->only_user || console.is_user_dump();
  if (options->module.empty())
    console.write(is_user ? "Loading User Symbols\n" : "Loading Kernel Symbols\n");
  if (options->only_user && !console.is_user_dump()) return load_user_symbols(console);
  if (!options->module.empty()) return reload_module(console, options->module);
  return options->is_forced ? reload_all(console) : Done{};
}

constexpr std::string_view kPaths =
    "WinDbg's syntax: folders and srv*CACHE*SERVER, cache*, with semicolons between them. + puts "
    "it "
    "behind\n"
    "the path that is there. Symbols are looked up by it at the next .reload.";

}  // namespace

std::vector<Command> symbol_path_commands() {
  return {
      {{".sympath"},
       "",
       {".sympath", ".sympath[+] PATH"},
       "Where symbols are looked for",
       kPaths,
       {{".sympath+ srv*C:\\symbols", "one place more"}},
       Completion::none,
       sympath_command},
      {{".symfix"},
       "",
       {".symfix[+] [CACHE]"},
       "Takes Microsoft's server as the symbol path",
       "What comes is kept in the folder CACHE, or else where ntstack keeps downloads. Servers "
       "are asked\n"
       "by .reload, for what is needed; never with --offline.",
       {{".symfix; .reload", "symbols from Microsoft"}},
       Completion::none,
       symfix_command},
      {{".exepath"},
       "",
       {".exepath", ".exepath[+] PATH"},
       "Where image files are looked for",
       kPaths,
       {},
       Completion::none,
       exepath_command},
      {{".srcpath"},
       "",
       {".srcpath"},
       "The path of sources: not supported",
       "",
       {},
       Completion::none,
       srcpath_command},
      {{".reload"},
       "",
       {".reload [/f] [/user] [MODULE]"},
       "Looks up symbols anew, by the paths that are set",
       "MODULE, or with /f all modules, are looked up at once and asked of servers, others when "
       "they are\n"
       "needed. /user does it with the images of the implicit process, where the dump has its "
       "memory.\n"
       "The context, $t0 to $t19 and aliases stay.",
       {{".reload /f nt", "nt's symbols"}, {".process 3adc; .reload /user", "a process's"}},
       Completion::none,
       reload_command}};
}

}  // namespace ntstack::console
