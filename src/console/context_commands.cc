// What is looked at: r, ~, .thread, .process, .trap, .cxr.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/given_registers.h"
#include "stacks/trap_frame.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// Options of WinDbg's that change nothing here (/p, /r, /P) are passed over.
std::string_view without_switches(std::string_view text) {
  text = without_blanks(text);
  while (text.starts_with('/')) {
    const std::size_t end = text.find(' ');
    text = end == std::string_view::npos ? std::string_view() : without_blanks(text.substr(end));
  }
  return text;
}

// r $t0 = expression; nothing else of a dump can be changed.
Done assign(Console& console, std::string_view name, std::string_view text) {
  name = without_blanks(name);
  if (name.size() == 4 && name.starts_with("$.u") && name[3] >= '0' && name[3] <= '9') {
    const std::string_view value = without_blanks(text.substr(text.starts_with('=') ? 1 : 0));
    if (value.size() > Aliases::kLongest) return base::fail("the alias's text is too long");
    console.aliases.set_fixed(static_cast<std::size_t>(name[3] - '0'), value);
    return {};
  }
  if (name.starts_with('@')) name.remove_prefix(1);
  std::size_t number = console.memory.variables.size();
  for (std::size_t i = 0; i < console.memory.variables.size(); ++i)
    if (base::equals_ignoring_case(name, fmt::format("$t{}", i))) number = i;
  if (number == console.memory.variables.size())
    return base::fail("a dump's registers can't be changed: {} is none of $t0 to $t19",
                      base::printable(name.substr(0, 80)));
  if (text.starts_with('=')) text.remove_prefix(1);
  const auto value = console.evaluate(text);
  if (!value) return std::unexpected(value.error());
  console.memory.variables[number] = *value;
  return {};
}

Done r_command(Console& console, const Arguments& arguments) {
  const std::string_view text = arguments.text;
  if (text.empty()) return show_registers(console);
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos)
    return assign(console, text.substr(0, equals), text.substr(equals + 1));
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(", "), rest.size());
    std::string name(rest.substr(0, end));
    rest = without_blanks(rest.substr(end));
    if (rest.starts_with(',')) rest = without_blanks(rest.substr(1));
    if (name.starts_with('@')) name.erase(0, 1);
    const auto value = console.evaluate("@" + name);
    if (!value) return std::unexpected(value.error());
    const bool wide = console.is_64_bit();
    console.write(fmt::format("{}={:0{}x}\n", name, as_address(*value, wide), wide ? 16 : 8));
  }
  return {};
}

const target::Thread* thread_named(const Console& console, std::uint64_t value) {
  const target::Thread* found = console.machine().thread_at(value);
  if (found && value != 0) return found;
  for (const target::Thread& thread : console.machine().threads())
    if (thread.id == value) return &thread;
  return nullptr;
}

Done thread_command(Console& console, const Arguments& arguments) {
  const std::string_view text = without_switches(arguments.text);
  if (text.empty()) {
    console.context = first_context(console.machine());
  } else {
    const auto value = console.evaluate(text);
    if (!value) return std::unexpected(value.error());
    const std::uint64_t address = as_address(*value, console.is_64_bit());
    const target::Thread* thread = thread_named(console, address);
    if (!thread)
      return base::fail("no thread of this dump has the address or the ID {:x}", address);
    console.context = context_of(console.machine(), *thread);
    console.context.is_set = true;
  }
  const target::Thread* thread = console.context.thread;
  console.write(
      thread ? fmt::format("Implicit thread is now {}\n", console.address_text(thread->address))
             : std::string("Implicit thread is not known\n"));
  return {};
}

Done process_command(Console& console, const Arguments& arguments) {
  const std::string_view text = without_switches(arguments.text);
  if (!text.empty()) {
    const auto value = console.evaluate(text);
    if (!value) return std::unexpected(value.error());
    const std::uint64_t address = as_address(*value, console.is_64_bit());
    const auto& processes = console.machine().processes();
    auto found = std::ranges::find(processes, address, &target::Process::address);
    if (found == processes.end() || address == 0)
      found = std::ranges::find_if(
          processes, [&](const target::Process& process) { return process.id == address; });
    if (found == processes.end())
      return base::fail("no process of this dump has the address or the ID {:x}", address);
    console.context.process = &*found;
  }
  const target::Process* process = console.context.process;
  console.write(
      process ? fmt::format("Implicit process is now {}\n", console.address_text(process->address))
              : std::string("Implicit process is not known\n"));
  return {};
}

// x64's KTRAP_FRAME and x86's: selectors and flags, beside what the walkers read.
std::optional<ProcessorFlags> flags_of_trap_frame(Console& console, std::uint64_t at) {
  const base::ByteSource& memory = console.machine().memory();
  const auto word = [&](std::uint64_t offset) {
    return memory.get<std::uint16_t>(at + offset).value_or(0);
  };
  const auto flags = [&](std::uint64_t offset) {
    return memory.get<std::uint32_t>(at + offset).value_or(0);
  };
  switch (console.architecture()) {
    case base::Architecture::x64:
      return ProcessorFlags{flags(0x178), word(0x170), word(0x188), 0, 0, 0, 0};
    case base::Architecture::x86:
      return ProcessorFlags{flags(0x70), word(0x6c), word(0x78), 0, 0, word(0x50), 0};
    case base::Architecture::arm64:
      return ProcessorFlags{flags(0x90), 0, 0, 0, 0, 0, 0};
    default:
      return std::nullopt;
  }
}

// What lies at `at`, by KTRAP_FRAME's layout, although it does not look like one: kd takes what it
// is told, and so do frames that the kernel makes by hand for a change of stacks.
std::optional<stacks::Registers> taken_for_trap_frame(Console& console, std::uint64_t at) {
  struct Places {
    std::uint64_t ip, sp, fp;
  };
  const base::Architecture architecture = console.architecture();
  const bool is_x86 = architecture == base::Architecture::x86;
  const Places places = is_x86                                      ? Places{0x68, 0x74, 0x60}
                        : architecture == base::Architecture::arm64 ? Places{0x148, 0x98, 0x140}
                                                                    : Places{0x168, 0x180, 0x158};
  const auto read = [&](std::uint64_t offset) {
    return console.machine().memory().pointer(at + offset, console.is_64_bit());
  };
  const auto ip = read(places.ip), sp = read(places.sp), fp = read(places.fp);
  if (!ip || !fp || *ip == 0) return std::nullopt;
  // From x86's kernel mode the stack pointer is not saved: it is where that would lie.
  const auto cs = console.machine().memory().get<std::uint16_t>(at + 0x6c);
  const bool is_kernel_x86 = is_x86 && cs && (*cs & 3) == 0;
  if (is_kernel_x86) return stacks::registers_at(architecture, *ip, at + places.sp, *fp);
  if (!sp) return std::nullopt;
  return stacks::registers_at(architecture, *ip, *sp, *fp);
}

Done trap_command(Console& console, const Arguments& arguments) {
  if (arguments.text.empty()) {
    console.context.given.reset();
    console.write("Resetting default scope\n");
    return {};
  }
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  const std::uint64_t address = as_address(*value, console.is_64_bit());
  const auto frame =
      stacks::read_trap_frame(console.machine().memory(), address, console.architecture(),
                              console.machine().kernel().build());
  const auto registers =
      frame ? std::optional(frame->registers) : taken_for_trap_frame(console, address);
  if (!registers) return base::fail("no trap frame is at {}", console.address_text(address));
  if (!frame)
    console.write("NOTE: What lies there does not look like a trap frame; taken for one.\n");
  give_registers(console, {*registers, flags_of_trap_frame(console, address),
                           "the trap frame at " + console.address_text(address)});
  if (console.is_64_bit())
    console.write("NOTE: The trap frame does not contain all registers: ? marks what it lacks.\n");
  return show_registers(console);
}

Done cxr_command(Console& console, const Arguments& arguments) {
  if (arguments.text.empty()) {
    console.context.given.reset();
    console.write("Resetting default scope\n");
    return {};
  }
  const auto value = console.evaluate(arguments.text);
  if (!value) return std::unexpected(value.error());
  const std::uint64_t address = as_address(*value, console.is_64_bit());
  constexpr std::size_t largest = 0x4d0;  // x64's CONTEXT
  const std::vector<std::byte> bytes = console.machine().memory().copy(address, largest);
  const base::Bytes context{std::span<const std::byte>(bytes)};
  const auto registers = stacks::registers_of_context(context, console.architecture());
  if (!registers) return base::fail("no context record is at {}", console.address_text(address));
  give_registers(console, {*registers, flags_of_context(context, console.architecture()),
                           "the context record at " + console.address_text(address)});
  return show_registers(console);
}

// ~, ~N, ~Ns: processors, or a user dump's threads by their place.
Done list_processors(Console& console) {
  for (const target::Processor& processor : console.machine().processors()) {
    const bool is_current = &processor == console.context.processor;
    console.write(fmt::format("{} {}  thread {}\n", is_current ? '.' : ' ', processor.number,
                              console.address_text(processor.current_thread)));
  }
  return {};
}

// kd's row of a user dump's thread: what its list has of it.
std::string user_thread_text(Console& console, std::size_t index) {
  const target::Thread& thread = console.machine().threads()[index];
  std::string out =
      fmt::format("{} {:>2}  Id: {:x}.{:x}", &thread == console.context.thread ? '.' : ' ', index,
                  thread.process_id.value_or(0), thread.id.value_or(0));
  for (const dump::ThreadRecord& record : console.machine().dump().threads)
    if (thread.id == record.id)
      out += fmt::format(" Suspend: {} Teb: {} {}", record.suspend_count,
                         console.address_text(record.teb),
                         record.suspend_count == 0 ? "Unfrozen" : "Frozen");
  if (!thread.name.empty()) out += fmt::format(" \"{}\"", base::printable(thread.name));
  return out + "\n";
}

Done list_user_threads(Console& console) {
  for (std::size_t i = 0; i < console.machine().threads().size(); ++i)
    console.write(user_thread_text(console, i));
  return {};
}

Done choose(Console& console, std::uint64_t number) {
  const target::Machine& machine = console.machine();
  if (console.is_user_dump()) {
    if (number >= machine.threads().size())
      return base::fail("no thread has the number {}", number);
    console.context = context_of(machine, machine.threads()[number]);
    return {};
  }
  const auto& processors = machine.processors();
  const auto found = std::ranges::find(processors, number, &target::Processor::number);
  if (found == processors.end()) return base::fail("no processor {} is in this dump", number);
  console.context = context_of(machine, *found);
  return {};
}

Done tilde_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  if (text.empty() || text == "*")
    return console.is_user_dump() ? list_user_threads(console) : list_processors(console);
  const std::size_t end = text.find_first_not_of("0123456789");
  const std::string_view behind = end == std::string_view::npos ? "" : text.substr(end);
  if (end == 0 || end > 4 || (!behind.empty() && behind != "s"))
    if (end != std::string_view::npos || text.size() > 4)
      return base::fail("~ takes a number and s: ~0s");
  std::uint64_t number = 0;  // decimal, as WinDbg has processors and threads
  for (const char digit : text.substr(0, end))
    number = number * 10 + static_cast<unsigned>(digit - '0');
  return choose(console, number);
}

}  // namespace

std::vector<Command> context_commands() {
  return {{{"r"},
           "",
           {"r", "r NAME[, NAME]", "r $t0 = EXPRESSION", "r $.u0 = TEXT"},
           "The registers of the context, or some of them",
           "What the dump does not tell is shown as question marks. $t0 to $t19 can be set. The "
           "last line "
           "is\n"
           "the instruction there, with the address that it reads or writes and what is there; r "
           "$.u0= to\n"
           "r $.u9= set aliases (help as).",
           {{"r rip, rsp", "two registers"}},
           Completion::expression,
           r_command},
          {{"~"},
           "",
           {"~", "~NUMBERs"},
           "Processors (of a user dump threads), or makes one the context",
           "",
           {{"~2s", "processor 2"}},
           Completion::none,
           tilde_command},
          {{".thread"},
           "",
           {".thread [/p] [/r] [ADDRESS|ID]"},
           "Makes a thread the context; without one, that of the crash again",
           "",
           {{".thread ffffc90e7a5bb080", "k shows its stack then"}},
           Completion::thread,
           thread_command},
          {{".process"},
           "",
           {".process [/p] [/r] [ADDRESS|ID]"},
           "Makes a process the implicit one",
           "",
           {{".process 3adc", "by its ID"}},
           Completion::process,
           process_command},
          {{".trap"},
           "",
           {".trap [ADDRESS]"},
           "Takes the registers of a trap frame as the context; without one, gives them up",
           "",
           {{".trap b8ae64b0", "k begins where the trap came"}},
           Completion::expression,
           trap_command},
          {{".cxr"},
           "",
           {".cxr [ADDRESS]"},
           "Takes the registers of a context record as the context; without one, gives them up",
           "",
           {},
           Completion::expression,
           cxr_command}};
}

}  // namespace ntstack::console
