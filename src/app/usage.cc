#include "app/usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace ntstack::app {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 answered, 1 failed, 2 wrong command line, 3 no memory. NO_COLOR turns colours "
    "off.";

struct Example {
  std::string_view command;  // "symbols fetch"
  std::string_view line;     // what follows ntstack and the command
  std::string_view meaning;
};

constexpr std::array kExamples = {
    Example{"stacks", "w3wp.dmp -y srv*/cache*https://msdl.microsoft.com/download/symbols", ""},
    Example{"stacks", "capture-folder", "dumps of one process, kernel and user half joined"},
    Example{"stacks", "MEMORY.DMP --process w3wp.exe --waiting-on WrResource --json", ""},
    Example{"info", "MEMORY.DMP", ""},
    Example{"modules", "MEMORY.DMP --json-lines", ""},
    Example{"analyze", "MEMORY.DMP --ms-symbols", ""},
    Example{"analyze", "--bugchecks", "which are known"},
    Example{"waits", "w3wp.dmp", ""},
    Example{"report", "w3wp.dmp -o page.html", ""},
    Example{"report", "w3wp.dmp -o page.html --json page.json --redact", "fit to be sent"},
    Example{"groups", "dumps-folder --top 5", ""},
    Example{"batch", "dumps-folder -o triage.jsonl", "goes on where it stopped"},
    Example{"batch", "triage.jsonl --results --sqlite triage.db", "a database of what was found"},
    Example{"batch", "-", "paths on standard input"},
    Example{"diff", "first.dmp second.dmp", ""},
    Example{"stack-use", "MEMORY.DMP --top 20", ""},
    Example{"stack-starts", "MEMORY.DMP --thread 1fd8", ""},
    Example{"open", "MEMORY.DMP", ""},
    Example{"open", "MEMORY.DMP -c \"!process 0 0; !locks\"", "for scripts"},
    Example{"disassemble", "MEMORY.DMP nt!KiSwapContext+0x76 --before 10", ""},
    Example{"disassemble", "MEMORY.DMP fffff80002a01312 --call", "what was called there"},
    Example{"processes", "MEMORY.DMP", ""},
    Example{"threads", "MEMORY.DMP --state running", ""},
    Example{"symbols check", "w3wp.dmp", ""},
    Example{"symbols fetch", "w3wp.dmp --ms-symbols", ""},
    Example{"symbols list", "w3wp.dmp --script > get.sh", "to run where there is a network"},
    Example{"symbols import", "files-folder --to store", ""},
    Example{"capture", "w3wp -mm --report", "kernel and user stacks, with the text of them"},
    Example{"capture", "w3wp --every 5s --count 3", "then: ntstack diff"},
    Example{"driver install", "--from ntstack.sys", ""},
    Example{"doctor", "", ""},
    Example{"symbolize", "driver.sys 1a2c 1b40 --pdb driver.pdb", ""},
    Example{"symbolize", "nt.exe --base fffff80002a00000 < addresses.txt", ""},
    Example{"mcp", "--ms-symbols", ""},
};

std::string footer_of(std::string_view command) {
  std::string footer;
  for (const Example& example : kExamples) {
    if (example.command != command) continue;
    footer += fmt::format("{}  ntstack {}{}{}{}{}\n", footer.empty() ? "Examples:\n" : "", command,
                          example.line.empty() ? "" : " ", example.line,
                          example.meaning.empty() ? "" : "   # ", example.meaning);
  }
  return footer + (footer.empty() ? "" : "\n") + kExitCodes;
}

void add_footers(CLI::App& of, const std::string& before) {
  for (CLI::App* command : of.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string name = before + command->get_name();
    command->footer(footer_of(name));
    add_footers(*command, name + " ");
  }
}

void set_formatter(CLI::App& app, const std::shared_ptr<CLI::FormatterBase>& formatter) {
  app.formatter(formatter);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    set_formatter(*command, formatter);
}

// How many letters are put in, left out, changed or swapped with a neighbour (Damerau and
// Levenshtein).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

// The nearest of the names; empty where none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : names)
    if (const std::size_t d = distance(word, name); d < least) least = d, best = name;
  return best;
}

std::vector<std::string> names_of_commands(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(one->get_name());
  return names;
}

std::vector<std::string> names_of_options(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* one : app.get_options())
    for (const std::string& name : one->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string hint(std::string_view near) {
  return near.empty() ? "" : fmt::format("; is {} meant?", near);
}

// A command was to follow and none did.
std::string no_command(const CLI::App& app) {
  const std::vector<std::string> rest = app.remaining();
  if (rest.empty()) return "a command is wanted";
  const std::string& word = rest.front();
  if (word.starts_with("-"))
    return fmt::format("there is no option {}{}", word, hint(nearest(word, names_of_options(app))));
  std::error_code ignored;
  if (app.get_parent() == nullptr && std::filesystem::exists(word, ignored))
    return fmt::format(
        "a command is wanted before {0}: analyze says what happened in it, stacks prints its "
        "stacks",
        word);
  return fmt::format("there is no command {}{}", word, hint(nearest(word, names_of_commands(app))));
}

// `root` has those words that stood before the command.
std::string extra_words(const CLI::App& app, const CLI::App& root) {
  std::vector<std::string> rest = app.remaining();
  if (rest.empty()) rest = root.remaining();
  if (rest.empty()) return "more than it takes";
  const std::string& word = rest.front();
  if (!word.starts_with("-")) return fmt::format("one too many: {}", word);
  return fmt::format("there is no option {}{}", word, hint(nearest(word, names_of_options(app))));
}

// "--symbols: 1 required TEXT missing" and the like begin with the option's name.
std::string lacking_value(const CLI::App& app, const std::string& said) {
  const std::string name = said.substr(0, said.find(':'));
  const CLI::Option* option = app.get_option_no_throw(name);
  return option == nullptr
             ? said
             : fmt::format("{} is given without its {}", name, option->get_type_name());
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// The parser's own, without the gaps that hidden options leave, and with --script[=sh] for its
// --script{sh}.
class Formatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    return replaced(CLI::Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, is_positional);
    return replaced(replaced(name, "{", "[="), "}", "]");
  }
};

}  // namespace

std::string usage_failure(const CLI::App& app, const CLI::Error& error) {
  const CLI::App* at = &app;
  std::string path = "ntstack";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  std::string said = error.what();
  const bool wants_command = at->get_require_subcommand_min() > 0 && at->get_subcommands().empty();
  if (wants_command)
    said = no_command(*at);
  else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
    said = extra_words(*at, app);
  else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
    said = lacking_value(*at, said);
  else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr)
    said = replaced(said, " is required", " is missing");
  else if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr)
    said = replaced(said, " excludes ", " can't go with ");
  return fmt::format("{}: {}\nHelp: {} --help\n", path, said, path);
}

void add_usage(CLI::App& app) {
  app.footer(fmt::format("ntstack COMMAND --help has a command's options, and examples.\n\n{}",
                         kExitCodes));
  add_footers(app, "");
  set_formatter(app, std::make_shared<Formatter>());
  app.failure_message(
      [](const CLI::App* at, const CLI::Error& error) { return usage_failure(*at, error); });
}

}  // namespace ntstack::app
