// !irp: an I/O request and the drivers that it goes through.
#include <fmt/format.h>

#include "analysis/irp.h"
#include "analysis/irp_names.h"
#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/thread_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// "Irp is active with 2 stacks 2 is current (= 0x8110ff20)"
std::string activity_text(const Console& console, const analysis::Irp& irp) {
  if (irp.current > irp.stack_count)
    return fmt::format(
        "Irp is active with {} stacks {} is current: it is complete, or no driver has "
        "it yet\n",
        irp.stack_count, irp.current);
  if (irp.current == 0) return fmt::format("Irp has {} stacks, none is current\n", irp.stack_count);
  return fmt::format("Irp is active with {} stacks {} is current (= 0x{})\n", irp.stack_count,
                     irp.current, plain_address(console, irp.locations[irp.current - 1].address));
}

std::string buffers_text(const Console& console, const analysis::IrpReader& reader,
                         std::uint64_t irp) {
  const auto part = [&](std::string_view field, std::string_view name) {
    const std::uint64_t value = reader.header().read_or(irp, field, 0);
    return value == 0 ? fmt::format("No {}: ", name)
                      : fmt::format("{}={}: ", name, plain_address(console, value));
  };
  return " " + part("MdlAddress", "Mdl") + part("AssociatedIrp", "System Buffer") +
         fmt::format(
             "Thread {}:  Irp stack trace.\n",
             plain_address(console, reader.header().read_or(irp, "Tail.Overlay.Thread", 0)));
}

std::string header_text(Console& console, const analysis::IrpReader& reader, std::uint64_t irp) {
  struct Row {
    std::string_view field;
    int digits;  // 0: a pointer
    bool is_code = false;
  };
  constexpr Row rows[] = {{"Flags", 8},
                          {"ThreadListEntry.Flink", 0},
                          {"ThreadListEntry.Blink", 0},
                          {"IoStatus.Status", 8},
                          {"IoStatus.Information", 8},
                          {"RequestorMode", 8},
                          {"Cancel", 2},
                          {"CancelIrql", 1},
                          {"ApcEnvironment", 2},
                          {"UserIosb", 0},
                          {"UserEvent", 0},
                          {"Overlay.AsynchronousParameters.UserApcRoutine", 0, true},
                          {"Overlay.AsynchronousParameters.UserApcContext", 0},
                          {"Overlay.AllocationSize", 16},
                          {"CancelRoutine", 0, true},
                          {"UserBuffer", 0},
                          {"Tail.Overlay.Thread", 0},
                          {"Tail.Overlay.AuxiliaryBuffer", 0},
                          {"Tail.Overlay.ListEntry.Flink", 0},
                          {"Tail.Overlay.ListEntry.Blink", 0},
                          {"Tail.Overlay.CurrentStackLocation", 0},
                          {"Tail.Overlay.OriginalFileObject", 0}};
  std::string out;
  for (const Row& row : rows) {
    const auto value = reader.header().read(irp, row.field);
    const int digits = row.digits == 0 ? (console.is_64_bit() ? 16 : 8) : row.digits;
    out += fmt::format("{} = {}", row.field,
                       value ? fmt::format("{:0{}x}", *value, digits)
                             : std::string(static_cast<std::size_t>(digits), '?'));
    if (row.is_code && value && *value != 0)
      out += "    " + base::printable(console.name_of(*value));
    out += "\n";
  }
  return out;
}

// "[IRP_MJ_DIRECTORY_CONTROL(c), IRP_MN_QUERY_DIRECTORY(1)]"
std::string function_text(const analysis::StackLocation& location) {
  const bool is_unused = location.major == 0 && location.device == 0;
  const std::string_view major =
      is_unused ? std::string_view() : analysis::irp_major_name(location.major);
  const std::string_view minor =
      is_unused ? std::string_view() : analysis::irp_minor_name(location.major, location.minor);
  return fmt::format("[{}({:x}), {}({:x})]", major.empty() ? "N/A" : major, location.major,
                     minor.empty() ? "N/A" : minor, location.minor);
}

std::string location_text(Console& console, const analysis::StackLocation& location,
                          bool is_current) {
  const auto plain = [&](std::uint64_t address) { return plain_address(console, address); };
  if (!location.is_there)
    return fmt::format("{}the stack location at {} is not in the dump\n", is_current ? ">" : " ",
                       plain(location.address));
  std::string out = fmt::format("{}{}\n", is_current ? ">" : " ", function_text(location));
  out +=
      fmt::format("            {:2x} {:2x} {} {} {}-{} {}", location.flags, location.control,
                  plain(location.device), plain(location.file), plain(location.completion_routine),
                  plain(location.context), analysis::irp_control_text(location.control));
  while (out.ends_with(' ')) out.pop_back();
  const std::string driver = analysis::driver_name_of(console.kernel_view(), location.device);
  const std::string routine = location.completion_routine == 0
                                  ? std::string()
                                  : console.name_of(location.completion_routine);
  out += fmt::format("\n           {}{}{}\n", driver, driver.empty() ? "" : "\t",
                     base::printable(routine));
  return out + fmt::format("\t\t\tArgs: {} {} {} {}\n", plain(location.arguments[0]),
                           plain(location.arguments[1]), plain(location.arguments[2]),
                           plain(location.arguments[3]));
}

Done irp_command(Console& console, const Arguments& arguments) {
  if (console.is_user_dump()) return base::fail("a user dump has no IRPs: they are the kernel's");
  if (arguments.text.empty())
    return base::fail("!irp takes the address of an IRP, and 1 to show all of it");
  const auto value = console.evaluate_first(arguments.text);
  if (!value) return std::unexpected(value.error());
  const std::string_view rest = without_blanks(arguments.text.substr(value->length));
  const analysis::IrpReader reader(console.kernel_view());
  const auto irp = reader.at(as_address(value->value, console.is_64_bit()));
  if (!irp) return std::unexpected(irp.error());
  console.write(activity_text(console, *irp) + buffers_text(console, reader, irp->address));
  if (!rest.empty() && rest != "0") console.write(header_text(console, reader, irp->address));
  console.write("     cmd  flg cl Device   File     Completion-Context\n");
  for (std::size_t i = 0; i < irp->locations.size(); ++i) {
    if (console.is_interrupted()) return base::fail("interrupted");
    console.write(location_text(console, irp->locations[i], i + 1 == irp->current));
  }
  return {};
}

}  // namespace

std::vector<Command> irp_commands() {
  return {{{"!irp"},
           "",
           {"!irp ADDRESS [1]"},
           "An I/O request: its thread and the drivers that it goes through",
           "The driver that has it now stands behind >. 1 shows the fields of its header too. What "
           "is there\n"
           "has to be an IRP by its Type and Size.",
           {{"!irp fffffa8003ad56d0", "who has the request"}},
           Completion::expression,
           irp_command}};
}

}  // namespace ntstack::console
