// help and .hh.
#include <fmt/format.h>

#include "base/text.h"
#include "console/console.h"

namespace ntstack::console {
namespace {

base::Result<void> help_command(Console& console, const Arguments& arguments) {
  if (arguments.text.empty()) {
    console.write(overview_text(console.families()));
    return {};
  }
  const Command* found = command_named(console.families(), arguments.text);
  if (!found) {
    const std::string_view nearest = nearest_name(console.families(), arguments.text);
    return base::fail("No command is called '{}'{}", base::printable(arguments.text.substr(0, 80)),
                      nearest.empty() ? "" : fmt::format(": did you mean {}?", nearest));
  }
  console.write(help_text(*found));
  return {};
}

}  // namespace

std::vector<Command> help_commands() {
  return {{{"help", ".hh", ".help"},
           "",
           {"help [COMMAND]"},
           "What commands there are, or more of one",
           "",
           {{"help k", "the forms of k"}},
           Completion::command,
           help_command}};
}

}  // namespace ntstack::console
