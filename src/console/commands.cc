#include "console/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "base/text.h"

namespace ntstack::console {
namespace {

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

std::string_view trimmed(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

template <class Visit>
void for_each(const std::vector<Family>& families, Visit visit) {
  for (const Family& family : families)
    for (const Command& command : family.commands) visit(command);
}

// "knf" is k with the letters n and f.
const Command* command_with_flags(const std::vector<Family>& families, std::string_view name) {
  const Command* found = nullptr;
  for_each(families, [&](const Command& command) {
    const std::string_view base = command.names.front();
    if (command.flags.empty() || !name.starts_with(base)) return;
    if (name.substr(base.size()).find_first_not_of(command.flags) == std::string_view::npos)
      found = &command;
  });
  return found;
}

// How many letters are wrong, missing, too many or exchanged (the optimal string alignment); names
// are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> far(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        far[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = far[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      far[i][j] = std::min({far[i - 1][j] + 1, far[i][j - 1] + 1, replaced});
      const bool is_exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_exchanged) far[i][j] = std::min(far[i][j], far[i - 2][j - 2] + 1);
    }
  }
  return far[a.size()][b.size()];
}

std::string names_text(const Command& command) {
  std::string text;
  for (const std::string_view name : command.names)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", name);
  if (!command.flags.empty()) text += fmt::format("[{}]", command.flags);
  return text;
}

// Families that are declared in parts.
std::vector<Command> together(std::initializer_list<std::vector<Command>> parts) {
  std::vector<Command> all;
  for (const std::vector<Command>& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

std::vector<Family> all_commands() {
  return {{"Stacks", stack_commands()},
          {"Memory", together({memory_commands(), pointed_commands()})},
          {"Code", code_commands()},
          {"Threads and processes", thread_commands()},
          {"Stacks of all threads", all_stacks_commands()},
          {"Kernel objects", together({resource_commands(), irp_commands(), processor_commands()})},
          {"Frames and records", record_commands()},
          {"Modules and symbols", together({module_commands(), symbol_commands(), image_commands(),
                                            symbol_path_commands()})},
          {"Types", type_commands()},
          {"Search and repetition", search_commands()},
          {"Control", together({control_commands(), alias_commands(), printf_commands()})},
          {"Expressions", expression_commands()},
          {"Context", context_commands()},
          {"The dump",
           together({analyze_commands(), wait_commands(), event_commands(), dump_commands()})},
          {"Session", together({log_commands(), session_commands()})},
          {"Help", help_commands()}};
}

std::string_view name_in(std::string_view text) {
  std::size_t end = 0;
  const char first = text.empty() ? '\0' : text[0];
  if (first == '.' || first == '!') {
    for (end = 1; end < text.size() && (is_letter(text[end]) || text[end] == '_');) ++end;
  } else if (is_letter(first)) {
    while (end < text.size() && is_letter(text[end])) ++end;
  } else if (first == '?' || first == '|') {
    while (end < text.size() && text[end] == first) ++end;
  } else {
    end = text.empty() ? 0 : 1;
  }
  return text.substr(0, end);
}

const Command* command_named(const std::vector<Family>& families, std::string_view name) {
  const Command* found = nullptr;
  // Names are the same in any case of letters, unless two differ by it alone.
  for (const bool exactly : {true, false}) {
    for_each(families, [&](const Command& command) {
      for (const std::string_view each : command.names)
        if (!found && (exactly ? each == name : base::equals_ignoring_case(each, name)))
          found = &command;
    });
  }
  return found ? found : command_with_flags(families, name);
}

std::optional<FoundCommand> find_command(const std::vector<Family>& families,
                                         std::string_view text) {
  const std::string_view name = name_in(text);
  const std::string_view rest = trimmed(text.substr(name.size()));
  const Command* command = command_named(families, name);
  if (!command) return std::nullopt;
  const bool is_listed = std::ranges::any_of(command->names, [&](std::string_view each) {
    return base::equals_ignoring_case(each, name);
  });
  if (is_listed) return FoundCommand{command, {name, {}, rest}};
  const std::size_t size = command->names.front().size();
  return FoundCommand{command, {name.substr(0, size), name.substr(size), rest}};
}

std::string_view nearest_name(const std::vector<Family>& families, std::string_view name) {
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(1, name.size() / 3) + 1;
  const std::string wanted = base::lower(name.substr(0, 32));
  for_each(families, [&](const Command& command) {
    for (const std::string_view each : command.names) {
      const std::size_t far = distance(wanted, base::lower(each));
      if (far < least) {
        least = far;
        nearest = each;
      }
    }
  });
  return nearest;
}

std::string overview_text(const std::vector<Family>& families) {
  std::string out;
  for (const Family& family : families) {
    out += fmt::format("{}\n", family.title);
    for (const Command& command : family.commands)
      out += fmt::format("  {:<22} {}\n", names_text(command), command.brief);
  }
  return out +
         "help COMMAND tells more of one. Numbers are hexadecimal: 0n10 is ten.\n"
         "Commands are separated by ; and a name may be written in any case.\n";
}

std::string help_text(const Command& command) {
  std::string out = fmt::format("{}: {}\n\n", names_text(command), command.brief);
  for (const std::string_view form : command.forms) out += fmt::format("    {}\n", form);
  if (!command.details.empty()) out += fmt::format("\n{}\n", command.details);
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const Example& example : command.examples)
    out += fmt::format("    {:<32} {}\n", example.command, example.what);
  return out;
}

std::string help_markdown(const std::vector<Family>& families) {
  std::string out =
      "# The kd> console\n\n"
      "`ntstack open DUMP` takes these commands, written as in WinDbg and kd. This page is made "
      "from\n"
      "the table of commands that the program itself has (`help` shows the same).\n";
  for (const Family& family : families) {
    out += fmt::format("\n## {}\n", family.title);
    for (const Command& command : family.commands) {
      out += fmt::format("\n### `{}`\n\n{}.\n\n", names_text(command), command.brief);
      for (const std::string_view form : command.forms) out += fmt::format("    {}\n", form);
      if (!command.details.empty()) out += fmt::format("\n{}\n", command.details);
      if (command.examples.empty()) continue;
      out += "\n| for example | |\n|---|---|\n";
      for (const Example& example : command.examples)
        out += fmt::format("| `{}` | {} |\n", example.command, example.what);
    }
  }
  return out;
}

}  // namespace ntstack::console
