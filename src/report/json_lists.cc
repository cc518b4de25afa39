#include "report/json_lists.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "report/json_parts.h"
#include "target/facts.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;
using base::hex_text;

Json hex_or_null(const std::optional<std::uint64_t>& value) {
  return value ? Json(hex_text(*value)) : Json(nullptr);
}

// An address; 0 is none.
Json address_or_null(std::uint64_t address) {
  return address != 0 ? Json(hex_text(address)) : Json(nullptr);
}

Json name_of_process(const target::Process* process) {
  if (!process) return nullptr;
  const std::string name = base::printable(process->name);
  return text_or_null(base::file_name_of(name));
}

Json process_entry(const target::Machine& machine, const target::Process& process) {
  const target::ProcessFacts facts = read_process_facts(machine, process);
  Json json;
  json["id"] = or_null(process.id);
  json["parent_id"] = or_null(process.parent_id);
  json["session_id"] = or_null(facts.session_id);
  json["name"] = name_of_process(&process);
  json["address"] = address_or_null(process.address);
  json["active_threads"] = or_null(facts.active_threads);
  json["create_time"] = hex_or_null(facts.create_time);
  json["exit_time"] = hex_or_null(facts.exit_time);
  json["directory_table_base"] = hex_or_null(process.directory_table_base);
  json["user_directory_table_base"] = hex_or_null(facts.user_directory_table_base);
  json["peb"] = address_or_null(process.peb.value_or(0));
  json["wow64"] = facts.is_wow64;
  json["wow64_peb"] = hex_or_null(facts.wow64_peb);
  json["exiting"] = or_null(facts.is_exiting);
  return json;
}

Json thread_entry(const target::Machine& machine, const ThreadEntry& entry,
                  const target::Clock& clock) {
  const target::Thread& thread = *entry.thread;
  const target::ThreadFacts facts = read_thread_facts(machine, thread);
  const bool is_waiting = target::is_waiting(thread);
  Json json;
  json["id"] = or_null(thread.id);
  json["process_id"] = or_null(thread.process_id);
  json["process"] = address_or_null(thread.process);
  json["process_name"] = name_of_process(machine.process_of(thread));
  json["address"] = address_or_null(thread.address);
  json["name"] = text_or_null(thread.name);
  json["state"] = text_or_null(state_text(thread));
  json["wait_reason"] = is_waiting && thread.wait_reason
                            ? text_or_null(target::wait_reason_name(*thread.wait_reason))
                            : Json(nullptr);
  json["processor"] = or_null(thread.processor);
  json["priority"] = or_null(facts.priority);
  json["base_priority"] = or_null(facts.base_priority);
  json["create_time"] = hex_or_null(facts.create_time);
  json["exit_time"] = hex_or_null(facts.exit_time);
  json["wait_start_tick"] = or_null(facts.wait_start);
  json["waited_ticks"] = is_waiting && facts.wait_start && clock.ticks
                             ? Json(std::uint32_t{*clock.ticks - *facts.wait_start})
                             : Json(nullptr);
  json["kernel_ticks"] = or_null(facts.kernel_ticks);
  json["user_ticks"] = or_null(facts.user_ticks);
  json["context_switches"] = or_null(facts.context_switches);
  json["start_address"] = hex_or_null(facts.start_address);
  json["win32_start_address"] = hex_or_null(facts.win32_start_address);
  json["start_symbol"] = text_or_null(entry.start_symbol);
  json["teb"] = address_or_null(thread.teb.value_or(0));
  json["stack_resident"] = or_null(is_stack_resident(machine, thread));
  json["exiting"] = or_null(facts.is_exiting);
  return json;
}

}  // namespace

Json process_list(const target::Machine& machine,
                  const std::vector<const target::Process*>& processes) {
  Json list = Json::array();
  for (const target::Process* process : processes) list.push_back(process_entry(machine, *process));
  return list;
}

Json thread_list(const target::Machine& machine, const std::vector<ThreadEntry>& threads) {
  const target::Clock clock = read_clock(machine);
  Json list = Json::array();
  for (const ThreadEntry& thread : threads) list.push_back(thread_entry(machine, thread, clock));
  return list;
}

Json clock_json(const target::Machine& machine) {
  const target::Clock clock = read_clock(machine);
  return {{"ticks", or_null(clock.ticks)}, {"tick_length", or_null(clock.tick_length)}};
}

}  // namespace ntstack::report
