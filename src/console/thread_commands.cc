// !thread, !process, !running, !ready.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "console/command_line.h"
#include "console/console.h"
#include "console/thread_text.h"

namespace ntstack::console {
namespace {

using Done = base::Result<void>;

// An expression at the front of `text`, which then begins behind it.
base::Result<std::uint64_t> take_value(Console& console, std::string_view& text) {
  const auto value = console.evaluate_first(text);
  if (!value) return std::unexpected(value.error());
  text = without_blanks(text.substr(value->length));
  return value->value;
}

// -p and -t in front of an ID.
bool take_switch(std::string_view& text, std::string_view name) {
  if (!text.starts_with(name)) return false;
  if (text.size() > name.size() && text[name.size()] != ' ') return false;
  text = without_blanks(text.substr(name.size()));
  return true;
}

base::Result<const target::Thread*> thread_of(Console& console, std::string_view& text) {
  const bool by_id = take_switch(text, "-t");
  if (text.empty()) {
    if (console.context.thread) return console.context.thread;
    return base::fail("the context has no thread");
  }
  const auto value = take_value(console, text);
  if (!value) return std::unexpected(value.error());
  if (*value == UINT64_MAX && console.context.thread) return console.context.thread;
  const std::uint64_t address = as_address(*value, console.is_64_bit());
  const target::Thread* found =
      by_id || address == 0 ? nullptr : console.machine().thread_at(address);
  if (found) return found;
  for (const target::Thread& thread : console.machine().threads())
    if (thread.id == address && address != 0) return &thread;
  return base::fail("TYPE mismatch for thread object at {}: no thread of this dump is there",
                    plain_address(console, address));
}

Done thread_command(Console& console, const Arguments& arguments) {
  std::string_view text = arguments.text;
  const auto thread = thread_of(console, text);
  if (!thread) return std::unexpected(thread.error());
  std::uint64_t flags = kWaits | kStacks;
  if (!text.empty()) {
    const auto given = take_value(console, text);
    if (!given) return std::unexpected(given.error());
    flags = *given;
  }
  console.write(thread_text(console, **thread, flags, ""));
  return {};
}

struct Wanted {
  std::vector<const target::Process*> processes;
  std::uint64_t flags = 0;
};

bool has_name(const target::Process& process, std::string_view name) {
  const std::string_view own = base::file_name_of(process.name);
  constexpr std::size_t kept = 14;  // the kernel keeps no more of it (15 with newer ones)
  return base::equals_ignoring_case(own, name) ||
         (own.size() >= kept && name.size() > own.size() &&
          base::equals_ignoring_case(own, name.substr(0, own.size())));
}

void take_named(Console& console, std::string_view name, Wanted& wanted) {
  for (const target::Process& process : console.machine().processes())
    if (name.empty() || has_name(process, name)) wanted.processes.push_back(&process);
}

base::Result<Wanted> of_first(Console& console, std::uint64_t value) {
  Wanted wanted;
  if (value == UINT64_MAX) {
    if (!console.context.process) return base::fail("the context has no process");
    wanted.processes.push_back(console.context.process);
    return wanted;
  }
  const std::uint64_t address = as_address(value, console.is_64_bit());
  const auto& processes = console.machine().processes();
  auto found = std::ranges::find(processes, address, &target::Process::address);
  if (found == processes.end())
    found = std::ranges::find_if(
        processes, [&](const target::Process& process) { return process.id == address; });
  if (found == processes.end())
    return base::fail("no process of this dump has the address or the ID {:x}", address);
  wanted.processes.push_back(&*found);
  return wanted;
}

// "", "ADDRESS [FLAGS]", "0 [FLAGS [NAME]]", "NAME".
base::Result<Wanted> wanted_by(Console& console, std::string_view text) {
  constexpr std::uint64_t usual = kTimes | kWaits;
  if (text.empty()) {
    auto wanted = of_first(console, UINT64_MAX);
    if (wanted) wanted->flags = usual;
    return wanted;
  }
  std::string_view rest = text;
  const auto first = take_value(console, rest);
  const bool is_name =
      !first || (text.find('.') != std::string_view::npos && rest.starts_with('.'));
  if (is_name) {
    Wanted wanted{{}, usual};
    take_named(console, text, wanted);
    if (wanted.processes.empty())
      return base::fail("no process of this dump is called {}", base::printable(text));
    return wanted;
  }
  std::optional<std::uint64_t> flags;
  if (!rest.empty()) {
    const auto given = take_value(console, rest);
    if (!given) return std::unexpected(given.error());
    flags = *given;
  }
  if (*first != 0) {
    auto wanted = of_first(console, *first);
    if (wanted) wanted->flags = flags.value_or(usual);
    return wanted;
  }
  Wanted wanted{{}, flags.value_or(0)};
  take_named(console, rest, wanted);
  if (wanted.processes.empty() && !rest.empty())
    return base::fail("no process of this dump is called {}", base::printable(rest));
  return wanted;
}

Done process_command(Console& console, const Arguments& arguments) {
  const auto wanted = wanted_by(console, arguments.text);
  if (!wanted) return std::unexpected(wanted.error());
  if (wanted->processes.empty()) return base::fail("the dump tells of no processes");
  for (const target::Process* process : wanted->processes)
    if (!console.is_interrupted()) console.write(process_text(console, *process, wanted->flags));
  return {};
}

bool is_idle(const target::Processor& processor) {
  return processor.idle_thread != 0 && processor.current_thread == processor.idle_thread;
}

Done running_command(Console& console, const Arguments& arguments) {
  const bool with_idle = arguments.text.find('i') != std::string_view::npos;
  const bool with_stacks = arguments.text.find('t') != std::string_view::npos;
  const auto& processors = console.machine().processors();
  if (processors.empty()) return base::fail("the dump tells of no processors");
  const std::size_t width = console.is_64_bit() ? 16 : 8;
  console.write(
      fmt::format("       {:<{}}  {:<{}}  {}\n", "Prcbs", width, "Current", width, "Idle"));
  bool is_any = false;
  for (const target::Processor& processor : processors) {
    if (is_idle(processor) && !with_idle) continue;
    is_any = true;
    console.write(fmt::format("{:>4}   {}  {}  {}\n", processor.number,
                              plain_address(console, processor.prcb),
                              plain_address(console, processor.current_thread),
                              plain_address(console, processor.idle_thread)));
    const target::Thread* thread = console.machine().thread_at(processor.current_thread);
    if (with_stacks && thread) console.write("\n" + stack_text(console, *thread, false) + "\n");
  }
  if (!is_any) console.write("All processors are idle: -i shows them.\n");
  return {};
}

Done ready_command(Console& console, const Arguments&) {
  constexpr std::uint8_t ready = 1, deferred = 7;
  bool is_any = false;
  for (const target::Thread& thread : console.machine().threads()) {
    if (!thread.object_present || (thread.state != ready && thread.state != deferred)) continue;
    is_any = true;
    console.write("    " + thread_heading(console, thread) + "\n");
  }
  if (!is_any) console.write("No threads in READY state\n");
  return {};
}

constexpr std::string_view kFlags =
    "FLAGS are added: 1 times, 2 what threads wait for, 4 with 2 all of each thread and its stack, "
    "8\n"
    "stacks without arguments; 10 changes nothing here. What the dump does not tell is shown as "
    "????\n"
    "or <Data Not Accessible>.";

}  // namespace

std::vector<Command> thread_commands() {
  return {{{"!thread"},
           "",
           {"!thread [ADDRESS|-t ID] [FLAGS]"},
           "A thread, what it waits for, and its stack",
           kFlags,
           {{"!thread", "the context's thread"}, {"!thread 8763f718 1f", "one of another address"}},
           Completion::thread,
           thread_command},
          {{"!process"},
           "",
           {"!process [ADDRESS|PID|-1] [FLAGS]", "!process 0 [FLAGS] [NAME]", "!process NAME"},
           "A process and its threads; 0: all of them",
           kFlags,
           {{"!process 0 0", "all processes"},
            {"!process -1 1f", "the implicit process, with the stacks of its threads"},
            {"!process 0 2 w3wp.exe", "those of a name, with their threads"}},
           Completion::process,
           process_command},
          {{"!running"},
           "",
           {"!running [-it]"},
           "What processors run; -i idle ones too, -t with stacks",
           "",
           {{"!running -ti", "every processor's stack"}},
           Completion::none,
           running_command},
          {{"!ready"},
           "",
           {"!ready"},
           "Threads that wait for a processor",
           "",
           {},
           Completion::none,
           ready_command}};
}

}  // namespace ntstack::console
