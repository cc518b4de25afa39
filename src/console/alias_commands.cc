// as, aS, ad, al.
#include <fmt/format.h>

#include <cstdlib>
#include <fstream>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/memory_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

std::string_view take_word(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text = without_blanks(text.substr(end));
  return word;
}

std::string_view without_quotes(std::string_view text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"')
    return text.substr(1, text.size() - 2);
  return text;
}

base::Result<std::string> of_file(const Console& console, std::string_view path) {
  if (!console.may_use_files) return base::fail("no files are read here");
  std::ifstream file(base::path_from_utf8(without_quotes(path)), std::ios::binary);
  if (!file) return base::fail("{} can't be read", base::printable(path));
  std::string text(Aliases::kLongest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

base::Result<std::string> of_environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (!value) return base::fail("no environment variable is called {}", base::printable(name));
  return std::string(value);
}

base::Result<std::string> of_memory(Console& console, std::string_view option,
                                    std::string_view text) {
  const auto address = console.evaluate(text);
  if (!address) return std::unexpected(address.error());
  const TextKind kind = option == "/ma"    ? TextKind::bytes
                        : option == "/mu"  ? TextKind::utf16
                        : option == "/msa" ? TextKind::ansi_string
                                           : TextKind::unicode_string;
  return text_at(console, as_address(*address, console.is_64_bit()), kind);
}

// What the option makes of `text`; none: the text itself.
base::Result<std::string> value_by(Console& console, std::string_view option,
                                   std::string_view text) {
  if (option.empty()) return std::string(text);
  if (option == "/e") return of_environment(text);
  if (option == "/f") return of_file(console, text);
  if (option == "/c") return console.output_of(without_quotes(text));
  if (option == "/x") {
    const auto value = console.evaluate(text);
    if (!value) return std::unexpected(value.error());
    return fmt::format("0x{:x}", *value);
  }
  if (option == "/ma" || option == "/mu" || option == "/msa" || option == "/msu")
    return of_memory(console, option, text);
  return base::fail("as takes /ma, /mu, /msa, /msu, /x, /e, /f and /c, not {}",
                    base::printable(option));
}

Done as_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const std::string_view option = text.starts_with('/') ? take_word(text) : std::string_view();
  const std::string_view name = alias_name(take_word(text));
  if (name.empty() || (text.empty() && !option.empty()))
    return base::fail("{} takes a name and a text", arguments.name);
  const bool is_phrase = option.empty() && arguments.name == "aS";
  const auto value = value_by(console, option, is_phrase ? without_quotes(text) : text);
  if (!value) return std::unexpected(value.error());
  return console.aliases.set(name, *value);
}

Done ad_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  bool is_quiet = false;
  if (text.starts_with("/q")) {
    is_quiet = true;
    take_word(text);
  }
  if (text == "*") {
    console.aliases.clear();
    return {};
  }
  const std::string_view name = alias_name(text);
  if (name.empty()) return base::fail("ad takes a name, or * for all");
  if (!console.aliases.erase(name) && !is_quiet)
    return base::fail("Alias {} does not exist", base::printable(name.substr(0, 80)));
  return {};
}

Done al_command(Console& console, const Arguments&) {
  const auto& named = console.aliases.named();
  if (named.empty()) {
    console.write("No aliases\n");
    return {};
  }
  console.write("  Alias            Value  \n -------          ------- \n");
  for (const auto& [name, value] : named)
    console.write(fmt::format(" {:<16} {} \n", base::printable(name), base::printable(value)));
  return {};
}

}  // namespace

std::vector<Command> alias_commands() {
  return {
      {{"as", "aS"},
       "",
       {"as NAME TEXT", "aS NAME TEXT", "as /x NAME EXPRESSION",
        "as /ma|/mu|/msa|/msu NAME ADDRESS", "as /e NAME VARIABLE", "as /f NAME FILE",
        "as /c NAME COMMANDS"},
       "Sets an alias: a name that is replaced by a text",
       "as takes the rest of the line, aS up to the next semicolon. /x is an expression's value, "
       "/ma and\n"
       "/mu text in memory (of bytes, UTF-16), /msa and /msu that of an ANSI_STRING or "
       "UNICODE_STRING,\n"
       "/e an environment variable, /f a file, /c what commands answer.\n"
       "A name is replaced where it stands alone, and as ${NAME} anywhere: when a line is entered "
       "and\n"
       "when a block in braces is. ${/d:NAME} is 1 where there is such an alias, else 0; "
       "${/f:NAME} "
       "is\n"
       "its text or nothing, ${/n:NAME} its name, ${/v:NAME} stays as it is. $u0 to $u9 are set "
       "by\n"
       "r $.u0=TEXT.",
       {{"as /x top @rsp", "then: .block { dps ${top} }"},
        {"aS say .echo; .block { say yes }", ""}},
       Completion::none,
       as_command},
      {{"ad"},
       "",
       {"ad [/q] NAME", "ad *"},
       "Deletes an alias, or all",
       "",
       {},
       Completion::none,
       ad_command},
      {{"al"}, "", {"al"}, "Lists aliases", "", {}, Completion::none, al_command}};
}

}  // namespace ntstack::console
