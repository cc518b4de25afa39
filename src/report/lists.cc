#include "report/lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/aligned.h"
#include "report/times.h"
#include "target/facts.h"

namespace ntstack::report {
namespace {

constexpr std::string_view kUnknown = "-";

template <class T>
std::string number_or_unknown(const std::optional<T>& value, bool hexadecimal = false) {
  if (!value) return std::string(kUnknown);
  return hexadecimal ? fmt::format("{:04x}", *value) : fmt::format("{}", *value);
}

std::string address_or_unknown(const std::optional<std::uint64_t>& address, bool is_64_bit) {
  return address && *address != 0 ? base::address_text(*address, is_64_bit) : std::string(kUnknown);
}

std::string time_or_unknown(const std::optional<std::uint64_t>& time) {
  return time ? time_text(*time) : std::string(kUnknown);
}

std::string ticks_text(const std::optional<std::uint32_t>& ticks, const target::Clock& clock) {
  if (!ticks) return std::string(kUnknown);
  if (!clock.tick_length) return fmt::format("{} ticks", *ticks);
  return duration_text(std::uint64_t{*ticks} * *clock.tick_length);
}

// How long a waiting thread has waited; the tick count when it began where the present one is not
// known.
std::string waited_text(const target::Thread& thread, const target::ThreadFacts& facts,
                        const target::Clock& clock) {
  if (!target::is_waiting(thread) || !facts.wait_start) return std::string(kUnknown);
  if (!clock.ticks) return fmt::format("since tick {}", *facts.wait_start);
  const std::uint32_t ticks = *clock.ticks - *facts.wait_start;  // both wrap
  return clock.tick_length ? duration_text(std::uint64_t{ticks} * *clock.tick_length)
                           : fmt::format("{} ticks", ticks);
}

std::string name_of_process(const target::Process* process) {
  if (!process || process->name.empty()) return std::string(kUnknown);
  return std::string(base::file_name_of(base::printable(process->name)));
}

std::string flags_of(const target::ProcessFacts& facts) {
  std::string flags;
  if (facts.is_wow64) flags += "WOW64";
  if (facts.exit_time)
    flags += fmt::format("{}exited {}", flags.empty() ? "" : ", ", time_text(*facts.exit_time));
  else if (facts.is_exiting.value_or(false))
    flags += flags.empty() ? "exiting" : ", exiting";
  return flags;
}

Row process_row(const target::Machine& machine, const target::Process& process) {
  const target::ProcessFacts facts = read_process_facts(machine, process);
  const bool wide = machine.is_64_bit();
  return {address_or_unknown(process.address, wide),
          number_or_unknown(process.id, true),
          number_or_unknown(process.parent_id, true),
          number_or_unknown(facts.session_id),
          number_or_unknown(facts.active_threads),
          time_or_unknown(facts.create_time),
          process.directory_table_base ? fmt::format("{:x}", *process.directory_table_base)
                                       : std::string(kUnknown),
          address_or_unknown(process.peb, wide),
          name_of_process(&process),
          flags_of(facts)};
}

Row thread_row(const target::Machine& machine, const ThreadEntry& entry,
               const target::Clock& clock) {
  const target::Thread& thread = *entry.thread;
  const target::ThreadFacts facts = read_thread_facts(machine, thread);
  const bool wide = machine.is_64_bit();
  const std::string cid =
      thread.id ? fmt::format("{}.{:04x}", number_or_unknown(thread.process_id, true), *thread.id)
                : std::string(kUnknown);
  const std::string state = state_text(thread);
  std::string start = entry.start_symbol;
  if (start.empty()) start = address_or_unknown(start_of(machine, thread), wide);
  return {address_or_unknown(thread.address, wide),
          cid,
          name_of_process(machine.process_of(thread)),
          state.empty() ? std::string(kUnknown) : state,
          number_or_unknown(facts.priority),
          number_or_unknown(facts.base_priority),
          waited_text(thread, facts, clock),
          ticks_text(facts.kernel_ticks, clock),
          ticks_text(facts.user_ticks, clock),
          number_or_unknown(facts.context_switches),
          time_or_unknown(facts.create_time),
          start,
          thread.name.empty() ? "" : fmt::format("\"{}\"", base::printable(thread.name))};
}

std::string notes_of(const DumpFacts& facts) {
  std::string out;
  for (const std::string& warning : warnings_of(facts)) out += fmt::format("note: {}\n", warning);
  return out;
}

}  // namespace

std::optional<std::uint64_t> start_of(const target::Machine& machine,
                                      const target::Thread& thread) {
  const target::ThreadFacts facts = read_thread_facts(machine, thread);
  if (facts.win32_start_address.value_or(0) != 0) return facts.win32_start_address;
  return facts.start_address;
}

std::string processes_text(const DumpFacts& facts,
                           const std::vector<const target::Process*>& processes) {
  std::vector<Row> rows{
      {"PROCESS", "Cid", "Parent", "Session", "Threads", "Created", "DirBase", "Peb", "Image", ""}};
  for (const target::Process* process : processes)
    rows.push_back(process_row(facts.machine, *process));
  return notes_of(facts) +
         aligned(rows, {false, true, true, true, true, false, true, false, false, false});
}

std::string threads_text(const DumpFacts& facts, const std::vector<ThreadEntry>& threads) {
  const target::Clock clock = read_clock(facts.machine);
  std::vector<Row> rows{{"THREAD", "Cid", "Image", "State", "Pri", "Base", "Waited", "Kernel",
                         "User", "Switches", "Created", "Start", "Name"}};
  for (const ThreadEntry& thread : threads)
    rows.push_back(thread_row(facts.machine, thread, clock));
  return notes_of(facts) + aligned(rows, {false, true, false, false, true, true, true, true, true,
                                          true, false, false, false});
}

}  // namespace ntstack::report
