#include "app/command_help.h"

#include <fmt/format.h>

#include <vector>

namespace ntstack::app {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
}

// Those that help shows: hidden ones have no group.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* one) { return !one->get_group().empty(); });
}

// A line of a manual page: what begins with a dot or an apostrophe would be a request, and a
// hyphen could be broken at.
std::string roff(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (line.empty() && (c == '.' || c == '\'')) line += "\\&";
    if (c == '\\')
      line += "\\e";
    else if (c == '-')
      line += "\\-";
    else if (c == '\n')
      line += ' ';
    else
      line += c;
  }
  return line;
}

void add_options(std::string& page, const CLI::App& command) {
  for (const CLI::Option* option : options_of(command)) {
    const std::string value = option->get_items_expected_max() == 0 ? "" : option->get_type_name();
    page += fmt::format(".TP\n.B {}{}{}\n{}\n", roff(option->get_name(true, true)),
                        value.empty() ? "" : " ", roff(value), roff(option->get_description()));
  }
}

// The lines that stand below "Examples:" in the command's help.
void add_examples(std::string& page, const CLI::App& command) {
  const std::string footer = command.get_footer();
  if (!footer.starts_with("Examples:\n")) return;
  page += ".PP\n.EX\n";
  std::size_t at = footer.find('\n') + 1;
  for (std::size_t end = 0; at < footer.size() && footer[at] == ' '; at = end + 1) {
    end = footer.find('\n', at);
    page += roff(std::string_view(footer).substr(at, end - at)) + '\n';
  }
  page += ".EE\n";
}

void add_commands(std::string& page, const CLI::App& of, const std::string& before) {
  for (const CLI::App* command : commands_of(of)) {
    const std::string name = before + command->get_name();
    page += fmt::format(".SS {}\n{}.\n", roff(name), roff(command->get_description()));
    add_options(page, *command);
    add_examples(page, *command);
    add_commands(page, *command, name + " ");
  }
}

// "--json --quiet -y": what may follow.
std::string words_of(const CLI::App& app) {
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
  for (const CLI::App* command : commands_of(app)) add(command->get_name());
  for (const CLI::Option* option : options_of(app)) {
    for (const std::string& name : option->get_snames()) add("-" + name);
    for (const std::string& name : option->get_lnames()) add("--" + name);
  }
  return words;
}

// A line of the script's table for a command and each below it.
void add_words(std::string& script, const CLI::App& of, const std::string& path) {
  script += fmt::format("    {}) words='{}' ;;\n", path.empty() ? "''" : fmt::format("'{}'", path),
                        words_of(of));
  for (const CLI::App* command : commands_of(of))
    add_words(script, *command, path + (path.empty() ? "" : " ") + command->get_name());
}

}  // namespace

std::string man_page(const CLI::App& app, std::string_view version) {
  std::string page = fmt::format(
      ".TH NTSTACK 1 \"\" \"ntstack {}\"\n.SH NAME\nntstack \\- Windows kernel stacks, live and "
      "from "
      "dumps\n.SH SYNOPSIS\n.B ntstack\n.I command\n.RI [ options ]\n.SH DESCRIPTION\n{}\n"
      ".SH OPTIONS\n",
      version, roff(app.get_description()));
  add_options(page, app);
  page += ".SH COMMANDS\n";
  add_commands(page, app, "");
  page +=
      ".SH EXIT STATUS\n0 answered, 1 failed, 2 wrong command line.\n.SH FILES\n"
      "/usr/share/doc/ntstack has the whole documentation, the JSON's schema with it.\n";
  return page;
}

std::string bash_completion(const CLI::App& app) {
  std::string script =
      "# bash completion for ntstack\n"
      "_ntstack() {\n"
      "  local path='' words='' word current=${COMP_WORDS[COMP_CWORD]}\n"
      "  # The command is the words that are no options, as far as they are known ones.\n"
      "  _ntstack_words '' || return\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word == -* || \" $words \" != *\" $word \"* ]] && continue\n"
      "    path=${path:+$path }$word\n"
      "    _ntstack_words \"$path\" || break\n"
      "  done\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "  [[ $current == -* ]] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
      "}\n"
      "_ntstack_words() {\n"
      "  case $1 in\n";
  add_words(script, app, "");
  script +=
      "    *) return 1 ;;\n"
      "  esac\n"
      "}\n"
      "complete -o filenames -F _ntstack ntstack\n";
  return script;
}

}  // namespace ntstack::app
