// The table of all commands, how one is found in it, and the help made from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "console/command.h"

namespace ntstack::console {

struct Family {
  std::string_view title;
  std::vector<Command> commands;
};
std::vector<Family> all_commands();

struct FoundCommand {
  const Command* command = nullptr;
  Arguments arguments;
};
// The command that `text` calls. Nothing where none has that name.
std::optional<FoundCommand> find_command(const std::vector<Family>& families,
                                         std::string_view text);
// A command by its name alone; null: none.
const Command* command_named(const std::vector<Family>& families, std::string_view name);
// The name that a mistyped one is most like; empty: none is near.
std::string_view nearest_name(const std::vector<Family>& families, std::string_view name);
// The part of `text` that its name is, for messages: ".kframes", "dps", "!thread".
std::string_view name_in(std::string_view text);

// A line for each command.
std::string overview_text(const std::vector<Family>& families);
std::string help_text(const Command& command);
// docs/console.md.
std::string help_markdown(const std::vector<Family>& families);

}  // namespace ntstack::console
