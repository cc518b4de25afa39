// .lastevent, .bugcheck.
#include <fmt/format.h>

#include "console/console.h"
#include "console/event_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

Done lastevent_command(Console& console, const Arguments&) {
  const std::string text = event_text(console);
  if (text.empty()) return base::fail("the dump tells of no bugcheck and no exception");
  console.write(text);
  return {};
}

Done bugcheck_command(Console& console, const Arguments&) {
  const auto& bugcheck = console.machine().dump().bugcheck;
  if (!bugcheck) return base::fail("the dump tells of no bugcheck");
  std::string out = fmt::format("Bugcheck code {:08X}\nArguments", bugcheck->code);
  for (const std::uint64_t parameter : bugcheck->parameters)
    out += " " + console.address_text(parameter);
  console.write(out + "\n");
  return {};
}

}  // namespace

std::vector<Command> event_commands() {
  return {{{".lastevent"},
           "",
           {".lastevent"},
           "What stopped the machine or process, and the instruction it stopped at",
           "The instruction is shown with the address that each operand in memory has and what is "
           "there, and\n"
           "[br=1] where a branch is taken.",
           {},
           Completion::none,
           lastevent_command},
          {{".bugcheck"},
           "",
           {".bugcheck"},
           "The bugcheck's code and arguments",
           "",
           {},
           Completion::none,
           bugcheck_command}};
}

}  // namespace ntstack::console
