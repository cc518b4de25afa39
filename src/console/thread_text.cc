#include "console/thread_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/kernel_types.h"
#include "analysis/wait_objects.h"
#include "base/text.h"
#include "console/all_stacks.h"
#include "console/stack_listing.h"
#include "report/lists.h"
#include "report/times.h"
#include "target/facts.h"

namespace ntstack::console {
namespace {

using target::Thread;

constexpr std::string_view kNotKnown = "<Data Not Accessible>";

std::string address_or_unknown(const Console& console, std::optional<std::uint64_t> address) {
  return address ? plain_address(console, *address)
                 : std::string(console.is_64_bit() ? 16 : 8, '?');
}

std::string number_or_unknown(std::optional<std::uint64_t> number) {
  return number ? fmt::format("{}", *number) : std::string(kNotKnown);
}

std::string id_text(std::optional<std::uint64_t> id) {
  return id ? fmt::format("{:04x}", *id) : "????";
}

std::string upper(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string wait_text(Console& console, const Thread& thread) {
  std::string_view reason =
      thread.wait_reason ? target::wait_reason_name(*thread.wait_reason) : std::string_view();
  if (reason.empty()) reason = "unknown";
  std::string out = fmt::format("WAIT: ({})", reason);
  const auto mode_at = console.machine().offsets()[target::Field::kthread_wait_mode];
  const auto mode = mode_at
                        ? console.machine().memory().get<std::uint8_t>(thread.address + *mode_at)
                        : std::optional<std::uint8_t>();
  if (mode && *mode <= 1) out += *mode == 1 ? " UserMode" : " KernelMode";
  if (const auto alertable =
          analysis::kernel_field(console.kernel_view(), thread.address, "_KTHREAD", "Alertable"))
    out += *alertable != 0 ? " Alertable" : " Non-Alertable";
  return out;
}

// kd's word for what a thread does.
std::string state_text(Console& console, const Thread& thread) {
  constexpr std::uint8_t running = 2, waiting = 5;
  if (thread.processor) return fmt::format("RUNNING on processor {}", *thread.processor);
  if (thread.captured) return "captured by an APC";
  if (!thread.object_present || !thread.state) return "INVALID";
  if (*thread.state == waiting) return wait_text(console, thread);
  if (*thread.state == running) return "RUNNING";
  const std::string_view name = target::thread_state_name(*thread.state);
  return name.empty() ? "INVALID" : upper(name);
}

std::string waits_text(Console& console, const Thread& thread, const std::string& indent) {
  if (!target::is_waiting(thread)) return {};
  const auto count =
      analysis::kernel_field(console.kernel_view(), thread.address, "_KTHREAD", "WaitBlockCount");
  std::string out;
  for (const analysis::WaitObject& object :
       analysis::wait_objects_of(console.machine(), thread, count))
    out += fmt::format("{}    {}  {}\n", indent, plain_address(console, object.address),
                       object.type ? analysis::dispatcher_name(*object.type) : kNotKnown);
  return out;
}

// "00:00:00.015": hours, as kd has what a thread spent.
std::string spent_text(std::optional<std::uint32_t> ticks, const target::Clock& clock) {
  if (!ticks) return std::string(kNotKnown);
  if (!clock.tick_length) return fmt::format("{} ticks", *ticks);
  const std::uint64_t milliseconds = std::uint64_t{*ticks} * *clock.tick_length / 10'000;
  return fmt::format("{:02}:{:02}:{:02}.{:03}", milliseconds / 3'600'000,
                     milliseconds / 60'000 % 60, milliseconds / 1000 % 60, milliseconds % 1000);
}

std::string ticks_text(const target::ThreadFacts& facts, const target::Clock& clock) {
  if (!facts.wait_start) return std::string(kNotKnown);
  std::string out = fmt::format("{:<14} ", *facts.wait_start);
  if (!clock.ticks) return out;
  const std::uint32_t ticks = *clock.ticks - *facts.wait_start;  // both wrap
  out += fmt::format("Ticks: {}", ticks);
  if (clock.tick_length)
    out += fmt::format(" ({})", report::duration_text(std::uint64_t{ticks} * *clock.tick_length));
  return out;
}

std::string process_lines(Console& console, const Thread& thread) {
  const target::Process* process = console.machine().process_of(thread);
  const auto own =
      analysis::kernel_field(console.kernel_view(), thread.address, "_KTHREAD", "Process");
  const std::uint64_t owner = own.value_or(process ? process->address : thread.process);
  const auto name_of = [&](std::uint64_t address) {
    for (const target::Process& each : console.machine().processes())
      if (each.address == address) return base::printable(each.name);
    return std::string(kNotKnown);
  };
  std::string out = fmt::format("Owning Process            {}       Image:         {}\n",
                                plain_address(console, owner), name_of(owner));
  const bool is_attached = thread.process != 0 && thread.process != owner;
  return out + fmt::format("Attached Process          {}            Image:         {}\n",
                           is_attached ? plain_address(console, thread.process) : "N/A",
                           is_attached ? name_of(thread.process) : "N/A");
}

std::string start_text(Console& console, const Thread& thread) {
  const auto start = report::start_of(console.machine(), thread);
  if (!start || *start == 0) return {};
  const symbols::Symbol& symbol = console.symbolizer_at(*start).name(*start, false).function;
  const std::string name = symbol.text();
  if (symbol.module.empty())
    return fmt::format("Win32 Start Address 0x{}\n", plain_address(console, *start));
  return fmt::format("Win32 Start Address {} (0x{})\n", base::printable(name),
                     plain_address(console, *start));
}

std::string stack_bounds(Console& console, const Thread& thread) {
  std::string out =
      fmt::format("Stack Init {} Current {}", address_or_unknown(console, thread.initial_stack),
                  address_or_unknown(console, thread.kernel_stack));
  if (!thread.segments.empty())
    out += fmt::format("{}Base {} Limit {}", console.is_64_bit() ? "\n" : " ",
                       plain_address(console, thread.segments.front().base),
                       plain_address(console, thread.segments.front().limit));
  return out + "\n";
}

// What !thread tells beside the first line and the stack.
std::string details_text(Console& console, const Thread& thread) {
  const target::ThreadFacts facts = read_thread_facts(console.machine(), thread);
  const target::Clock clock = read_clock(console.machine());
  std::string out = process_lines(console, thread);
  out += fmt::format("Wait Start TickCount      {}\n", ticks_text(facts, clock));
  out += fmt::format("Context Switch Count      {:<14}", number_or_unknown(facts.context_switches));
  if (const auto ideal = analysis::kernel_field(console.kernel_view(), thread.address, "_KTHREAD",
                                                "IdealProcessor"))
    out += fmt::format(" IdealProcessor: {}", *ideal);
  out += fmt::format("\nUserTime                  {}\nKernelTime                {}\n",
                     spent_text(facts.user_ticks, clock), spent_text(facts.kernel_ticks, clock));
  out += start_text(console, thread) + stack_bounds(console, thread);
  if (facts.priority || facts.base_priority)
    out += fmt::format("Priority {} BasePriority {}\n", number_or_unknown(facts.priority),
                       number_or_unknown(facts.base_priority));
  return out;
}

std::string indented(const std::string& text, const std::string& indent) {
  if (indent.empty()) return text;
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    out += indent + text.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

std::string plain_address(const Console& console, std::uint64_t address) {
  return fmt::format("{:0{}x}", address, console.is_64_bit() ? 16 : 8);
}

std::string stack_text(Console& console, const stacks::Stack& stack, const StackColumns& columns) {
  if (stack.frames.empty()) return fmt::format("no frames: {}\n", stack.end_reason);
  const StackListing listing = list_stack(console, stack, columns, console.settings.frames);
  std::string out = listing_text(listing, columns, console.architecture());
  const bool is_whole = stack.end == stacks::End::base || stack.end == stacks::End::user_mode;
  if (!is_whole && !listing.is_cut)
    out += fmt::format("note: the stack is not whole: {}\n", stack.end_reason);
  return out;
}

std::string stack_text(Console& console, const Thread& thread, bool with_arguments) {
  StackColumns columns;
  columns.arguments = columns.notes = with_arguments;
  return stack_text(console, stack_of(console, thread), columns);
}

std::string thread_heading(Console& console, const Thread& thread) {
  const auto win32 =
      thread.object_present
          ? analysis::kernel_field(console.kernel_view(), thread.address, "_KTHREAD", "Win32Thread")
          : std::optional<std::uint64_t>();
  return fmt::format("THREAD {}  Cid {}.{}  Teb: {} Win32Thread: {} {}",
                     plain_address(console, thread.address), id_text(thread.process_id),
                     id_text(thread.id), address_or_unknown(console, thread.teb),
                     address_or_unknown(console, win32), state_text(console, thread));
}

std::string thread_text(Console& console, const Thread& thread, std::uint64_t flags,
                        const std::string& indent) {
  std::string out = indent + thread_heading(console, thread) + "\n";
  if ((flags & kWaits) != 0) out += waits_text(console, thread, indent);
  // Both bits together show the rest.
  if ((flags & (kWaits | kStacks)) != (kWaits | kStacks)) return out;
  out += indented(details_text(console, thread), indent);
  return out + indented(stack_text(console, thread, (flags & kAddressesAlone) == 0), indent) + "\n";
}

std::string process_text(Console& console, const target::Process& process, std::uint64_t flags) {
  const target::ProcessFacts facts = read_process_facts(console.machine(), process);
  std::string out = fmt::format("PROCESS {}\n", plain_address(console, process.address));
  out += fmt::format(
      "    SessionId: {}  Cid: {}    Peb: {}  ParentCid: {}\n",
      facts.session_id ? fmt::format("{}", *facts.session_id) : "none", id_text(process.id),
      process.peb ? fmt::format("{:08x}", *process.peb) : "????????", id_text(process.parent_id));
  const auto table =
      analysis::kernel_field(console.kernel_view(), process.address, "_EPROCESS", "ObjectTable");
  out += fmt::format("    DirBase: {}  ObjectTable: {}  HandleCount: {}\n",
                     process.directory_table_base
                         ? fmt::format("{:08x}", *process.directory_table_base)
                         : "????????",
                     address_or_unknown(console, table), kNotKnown);
  out += fmt::format("    Image: {}\n\n", base::printable(process.name));
  if ((flags & kTimes) != 0) {
    if (facts.create_time)
      out += fmt::format("    CreateTime                        {}\n",
                         report::time_text(*facts.create_time));
    if (facts.exit_time)
      out += fmt::format("    ExitTime                          {}\n",
                         report::time_text(*facts.exit_time));
    const auto& written = console.machine().dump().system_time;
    if (facts.create_time && written && *written >= *facts.create_time)
      out += fmt::format("    ElapsedTime                       {}\n",
                         report::duration_text(*written - *facts.create_time));
    if (facts.active_threads)
      out += fmt::format("    ActiveThreads                     {}\n", *facts.active_threads);
  }
  if ((flags & (kWaits | kStacks)) == 0) return out;
  const std::string indent(8, ' ');
  bool has_threads = false;
  for (const Thread& thread : console.machine().threads()) {
    if (console.is_interrupted()) break;
    if (console.machine().process_of(thread) != &process) continue;
    has_threads = true;
    out += thread_text(console, thread, flags, indent);
    out += (flags & kStacks) != 0 && (flags & kWaits) != 0 ? "" : (flags & kWaits) != 0 ? "\n" : "";
  }
  return has_threads ? out : out + "        No active threads\n";
}

}  // namespace ntstack::console
