// .dumpdebug and .enumtag: the dump as a file.
#include <fmt/format.h>

#include "console/console.h"
#include "console/dump_header.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// "KiProcessorBlock at fffff800...", and the KPRCBs that it lists.
std::string processors_text(const Console& console) {
  const target::Machine& machine = console.machine();
  std::string out;
  if (const auto block = machine.kernel().processor_block(); block && *block != 0)
    out += fmt::format("\nKiProcessorBlock at {}\n", console.address_text(*block));
  if (machine.processors().empty()) return out;
  out += fmt::format("  {} KiProcessorBlock entries:\n ", machine.processors().size());
  for (const target::Processor& processor : machine.processors())
    out += " " + (processor.prcb == 0 ? "(not in the dump)" : console.address_text(processor.prcb));
  return out + "\n";
}

Done dumpdebug_command(Console& console, const Arguments&) {
  const dump::Dump& dump = console.machine().dump();
  std::string out = dump_header_text(dump) + processors_text(console);
  if (!dump.secondary.empty())
    out += fmt::format("\n{} pieces of tagged data: .enumtag shows them\n", dump.secondary.size());
  console.write(out);
  return {};
}

Done enumtag_command(Console& console, const Arguments& arguments) {
  std::uint64_t most = 64;
  if (!arguments.text.empty()) {
    const auto given = console.evaluate(arguments.text);
    if (!given) return std::unexpected(given.error());
    most = *given;
  }
  const auto& secondary = console.machine().dump().secondary;
  if (secondary.empty()) return base::fail("the dump has no tagged data");
  for (const dump::SecondaryData& data : secondary) {
    if (console.is_interrupted()) return base::fail("interrupted");
    console.write(secondary_text(data, static_cast<std::size_t>(most)));
  }
  return {};
}

}  // namespace

std::vector<Command> dump_commands() {
  return {{{".dumpdebug"},
           "",
           {".dumpdebug"},
           "The header of the dump's file, field by field",
           "What is written there, not what it was taken for: `ntstack info` tells that.",
           {},
           Completion::none,
           dumpdebug_command},
          {{".enumtag"},
           "",
           {".enumtag [BYTES]"},
           "Data that drivers and error reporting put behind the dump, by their GUIDs",
           "The first 64 bytes of each, or as many as are wanted.",
           {{".enumtag 1000", "4096 bytes of each"}},
           Completion::none,
           enumtag_command}};
}

}  // namespace ntstack::console
