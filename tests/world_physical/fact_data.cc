#include "world_physical/fact_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace ntstack::world {
namespace {

using nlohmann::json;

struct FactOffsets {
  std::uint16_t priority, base_priority, kernel_time, user_time, wait_time, context_switches,
      thread_create_time, resident_word, resident_bit;
  std::uint16_t process_create_time, session, flags, user_tables;
};

std::optional<FactOffsets> offsets_of(const KernelLayout& layout) {
  if (layout.pointer_size != 8 || layout.machine != 0x8664) return std::nullopt;
  switch (layout.build) {
    case 7601:
      return FactOffsets{0x7b, 0x1f1, 0x284, 0x2d4, 0x194, 0x134, 0x360,
                         0x4c, 0,     0x168, 0x2d8, 0x440, 0};
    case 19041:
      return FactOffsets{0xc3, 0x233, 0x28c, 0x2dc, 0x1b4, 0x154, 0x430,
                         0x78, 17,    0x468, 0x558, 0x464, 0x388};
    case 22621:
      return FactOffsets{0xc3, 0x233, 0x28c, 0x2dc, 0x1b4, 0x154, 0x480,
                         0x78, 17,    0x468, 0x558, 0x464, 0x388};
    default:
      return std::nullopt;
  }
}

constexpr std::uint64_t shared_data = 0xfffff78000000000, sessions = 0xffffa50ffe000000;
constexpr std::uint64_t boot_time = 132'900'000'000'000'000;
constexpr std::uint32_t ticks = 500'000, tick_length = 156'250;

std::uint32_t number(std::uint64_t id, unsigned salt) {
  return static_cast<std::uint32_t>(id * 2654435761u % (1000 + salt));
}
std::uint32_t session_of(std::uint64_t id) { return id / 4 % 2; }
bool is_exiting(std::uint64_t id) { return id / 4 % 5 == 3; }
std::uint64_t created(std::uint64_t id) { return boot_time + id * 10'000'000; }
std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

void compare(std::vector<std::string>& out, const std::string& who, const json& found,
             const json& right) {
  for (const auto& [key, value] : right.items()) {
    if (!found.contains(key) || found[key] != value)
      out.push_back(fmt::format("{} {}: {} instead of {}", who, key,
                                found.contains(key) ? found[key].dump() : "nothing", value.dump()));
  }
}

json thread_truth(const MachineThread& thread, const ProcessTruth& process) {
  const std::uint64_t id = thread.truth.id;
  json right = {{"id", id},
                {"process_id", thread.process_id},
                {"process", hex(process.eprocess)},
                {"process_name", process.name.substr(0, 14)},
                {"priority", 9 + id % 7},
                {"base_priority", 8},
                {"create_time", hex(created(id))},
                {"exit_time", nullptr},
                {"wait_start_tick", number(id, 1)},
                {"kernel_ticks", number(id, 2)},
                {"user_ticks", number(id, 3)},
                {"context_switches", number(id, 4)},
                {"win32_start_address", "0x7ff6ab7b1200"},
                {"stack_resident", !thread.stack_paged_out},
                {"exiting", false}};
  right["waited_ticks"] =
      thread.state == 5 && !thread.truth.processor ? json(waited_ticks_of(id)) : json(nullptr);
  return right;
}

}  // namespace

std::uint32_t waited_ticks_of(std::uint64_t id) {
  return static_cast<std::uint32_t>(ticks - number(id, 1));
}

void put_shared_data(VirtualMemory& memory, const KernelLayout& layout) {
  if (!offsets_of(layout)) return;
  memory.map(shared_data, 0x1000);
  memory.put(shared_data + 4, std::uint32_t{0x0fa00000});  // 15.625 ms
  memory.put(shared_data + 0x320, ticks);
  for (std::uint32_t session = 0; session < 2; session++) {
    memory.map(sessions + 0x1000 * session, 0x1000);
    memory.put(sessions + 0x1000 * session + 8, session);
  }
}

void put_thread_facts(VirtualMemory& memory, const KernelLayout& layout, std::uint64_t ethread,
                      std::uint64_t id, bool stack_paged_out) {
  const auto at = offsets_of(layout);
  if (!at) return;
  memory.put(ethread + at->priority, static_cast<std::uint8_t>(9 + id % 7));
  memory.put(ethread + at->base_priority, std::uint8_t{8});
  memory.put(ethread + at->wait_time, number(id, 1));
  memory.put(ethread + at->kernel_time, number(id, 2));
  memory.put(ethread + at->user_time, number(id, 3));
  memory.put(ethread + at->context_switches, number(id, 4));
  memory.put(ethread + at->thread_create_time, created(id));
  memory.put(ethread + at->resident_word,
             stack_paged_out ? 0 : std::uint32_t{1} << at->resident_bit);
}

void put_process_facts(VirtualMemory& memory, const KernelLayout& layout,
                       const ProcessTruth& process) {
  const std::uint64_t eprocess = process.eprocess, id = process.id;
  const auto at = offsets_of(layout);
  if (!at) return;
  memory.put(eprocess + at->process_create_time, created(id));
  memory.put(eprocess + at->session, sessions + 0x1000 * session_of(id));
  memory.put(eprocess + at->flags, is_exiting(id) ? std::uint32_t{0xc} : std::uint32_t{1});
  if (at->user_tables != 0) memory.put(eprocess + at->user_tables, process.directory_table_base);
}

std::vector<std::string> thread_differences(const json& report, const KernelData& kernel) {
  std::vector<std::string> out;
  if (!offsets_of(kernel.layout)) return out;
  compare(out, "clock", report["clock"], {{"ticks", ticks}, {"tick_length", tick_length}});
  std::map<std::string, const json*> found;
  for (const json& thread : report["threads"]) found[thread["address"]] = &thread;
  std::map<std::uint64_t, const ProcessTruth*> processes;
  for (const ProcessTruth& process : kernel.processes) processes[process.id] = &process;
  for (const MachineThread& thread : kernel.threads) {
    const std::string who = fmt::format("thread {:x}", thread.truth.id);
    const auto said = found.find(hex(thread.truth.ethread));
    if (said == found.end())
      out.push_back(who + " lacks");
    else
      compare(out, who, *said->second, thread_truth(thread, *processes.at(thread.process_id)));
  }
  if (found.size() != kernel.threads.size()) out.push_back("threads that there are not");
  return out;
}

std::vector<std::string> process_differences(const json& report, const KernelData& kernel) {
  std::vector<std::string> out;
  const auto offsets = offsets_of(kernel.layout);
  if (!offsets) return out;
  std::map<std::string, const json*> found;
  for (const json& process : report["processes"]) found[process["address"]] = &process;
  for (const ProcessTruth& process : kernel.processes) {
    const std::string who = fmt::format("process {:x}", process.id);
    const auto said = found.find(hex(process.eprocess));
    if (said == found.end()) {
      out.push_back(who + " lacks");
      continue;
    }
    compare(out, who, *said->second,
            {{"id", process.id},
             {"parent_id", process.parent},
             {"name", process.name.substr(0, 14)},
             {"directory_table_base", hex(process.directory_table_base)},
             {"peb", process.peb ? json(hex(process.peb)) : json(nullptr)},
             {"create_time", hex(created(process.id))},
             {"exit_time", nullptr},
             {"session_id", session_of(process.id)},
             {"active_threads",
              std::ranges::count(kernel.threads, process.id, &MachineThread::process_id)},
             {"exiting", is_exiting(process.id)},
             {"wow64", false},
             {"user_directory_table_base",
              offsets->user_tables ? json(hex(process.directory_table_base)) : json(nullptr)}});
  }
  if (found.size() != kernel.processes.size()) out.push_back("processes that there are not");
  return out;
}

}  // namespace ntstack::world
