// The session itself: n, .echo, .cls, q.
#include <fmt/format.h>

#include "base/text.h"
#include "console/console.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done n_command(Console& console, const Arguments& arguments) {
  const std::string_view text = arguments.text;
  if (text == "8" || text == "10" || text == "16") {
    console.settings.radix = text == "8" ? 8 : text == "10" ? 10 : 16;
  } else if (!text.empty()) {
    return base::fail("the base is 8, 10 or 16");
  }
  console.write(fmt::format("base is {}\n", console.settings.radix));
  return {};
}

Done echo_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  console.write(base::printable(text) + "\n");
  return {};
}

Done cls_command(Console& console, const Arguments&) {
  if (console.is_interactive) console.write("\x1b[2J\x1b[H");
  return {};
}

Done q_command(Console& console, const Arguments&) {
  console.end();
  return {};
}

}  // namespace

std::vector<Command> session_commands() {
  std::vector<Command> commands;
  commands.push_back({{"n"},
                      "",
                      {"n [8|10|16]"},
                      "The base of numbers without a prefix",
                      {},
                      {},
                      Completion::none,
                      n_command});
  commands.push_back(
      {{".echo"}, "", {".echo TEXT"}, "Writes a text", {}, {}, Completion::none, echo_command});
  commands.push_back(
      {{".cls"}, "", {".cls"}, "Clears the terminal", {}, {}, Completion::none, cls_command});
  commands.push_back({{"q", "qq", "qd"}, "", {"q"}, "Leaves", {}, {}, Completion::none, q_command});
  return commands;
}

}  // namespace ntstack::console
