#include "world_physical/comparison.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace ntstack::world {
namespace {

using nlohmann::json;

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::uint64_t number(const json& value) {
  return value.is_string() ? std::stoull(value.get<std::string>(), nullptr, 16)
                           : value.get<std::uint64_t>();
}

// Written out anew: KTHREAD_STATE and KWAIT_REASON of the public headers, as far as used here.
std::string state_of(const MachineThread& thread, bool with_reason) {
  if (thread.truth.processor)
    return fmt::format("RUNNING on processor {}", *thread.truth.processor);
  if (thread.state == 1) return "READY";
  const std::map<int, std::string> reasons = {{0, "Executive"},
                                              {4, "DelayExecution"},
                                              {6, "UserRequest"},
                                              {15, "WrQueue"},
                                              {27, "WrResource"}};
  return fmt::format("WAIT: ({})", with_reason ? reasons.at(thread.wait_reason) : "?");
}

class Comparison {
 public:
  Comparison(const Expected& expected, std::size_t most) : expected_(expected), most_(most) {}

  void same(const std::string& what, const json& found, const json& right) {
    if (found != right)
      complain(fmt::format("{}: {} instead of {}", what, found.dump(), right.dump()));
  }
  void complain(std::string text) {
    if (complaints_.size() < most_) complaints_.push_back(std::move(text));
  }
  void stack(const json& stack, const MachineThread& thread, const ProcessTruth& process);
  std::vector<std::string> take() { return std::move(complaints_); }

 private:
  bool is_x86() const { return expected_.kernel.layout.pointer_size == 4; }
  void frames(const std::string& who, const json& stack, const MachineThread& thread);
  void frame(const std::string& who, const json& found, const TruthFrame& right);
  std::string name_behind_call(std::uint64_t ip) const;

  const Expected& expected_;
  std::size_t most_;
  std::vector<std::string> complaints_;
};

// Behind a call that does not return another function may begin: then what called.
std::string Comparison::name_behind_call(std::uint64_t ip) const {
  if (name_of_address(expected_.images, ip).find('+') != std::string::npos) return {};
  const std::string name = name_of_address(expected_.images, ip - 1);
  const std::size_t plus = name.find('+');
  if (plus == std::string::npos) return {};
  return fmt::format("{}+{:#x}", name.substr(0, plus),
                     std::stoull(name.substr(plus + 1), nullptr, 16) + 1);
}

void Comparison::frame(const std::string& who, const json& found, const TruthFrame& right) {
  same(who + " ip", found["ip"], hex(right.ip));
  same(who + " child_sp", found["child_sp"], hex(right.child_sp));
  same(who + " return_address", found["return_address"], hex(right.return_address));
  if (right.machine_frame) same(who + " trap_frame", found["trap_frame"], hex(right.trap_frame));
  const std::string trust = found["trust"];
  std::set<std::string> exact = {"context",    "switch_frame", "unwind_info",
                                 "trap_frame", "stack_switch", "leaf"};
  if (is_x86()) exact.merge(std::set<std::string>{"frame_data", "fpo", "frame_pointer", "code"});
  if (!exact.contains(trust) && !expected_.may_guess)
    complain(fmt::format("{} trust: {}", who, trust));
  if (!expected_.names) return;
  const json& symbol = found["symbol"];
  std::string said = symbol["module"].get<std::string>() + "!" + symbol["name"].get<std::string>();
  if (const std::uint64_t offset = number(symbol["offset"]); offset != 0)
    said += fmt::format("+{:#x}", offset);
  if (said != name_behind_call(right.ip))
    same(who + " name", said, name_of_address(expected_.images, right.ip));
}

void Comparison::frames(const std::string& who, const json& stack, const MachineThread& thread) {
  json found = json::array();
  for (const json& frame : stack["frames"])
    if (!frame["inline"].get<bool>()) found.push_back(frame);
  if (thread.stack_paged_out) {
    same(who + " frames", found.size(), 0);
    same(who + " end", stack["end"]["kind"], "memory_missing");
    same(who + " reason", stack["end"]["reason"],
         "its kernel stack is swapped out (paged to disk), not in the dump");
    return;
  }
  const auto& right = thread.truth.frames;
  if (found.size() < right.size()) {
    complain(fmt::format("{} ({}) has {} frames instead of {}: {}", who, thread.truth.role,
                         found.size(), right.size(), stack["end"].dump()));
    return;
  }
  for (std::size_t i = 0; i < right.size(); i++)
    frame(fmt::format("{} ({}) frame {}", who, thread.truth.role, i), found[i], right[i]);
  // What follows is in user mode.
  for (std::size_t i = right.size(); i < found.size(); i++) {
    const std::uint64_t ip = number(found[i]["ip"]);
    if (thread.truth.user_rip == 0 || ip >> (is_x86() ? 31 : 63) != 0)
      complain(fmt::format("{} ({}) has a frame too many: {}", who, thread.truth.role, hex(ip)));
  }
  const std::string end = stack["end"]["kind"];
  if (thread.truth.user_rip == 0 && !expected_.may_guess) same(who + " end", end, "base");
}

void Comparison::stack(const json& stack, const MachineThread& thread,
                       const ProcessTruth& process) {
  const std::string who = fmt::format("thread {:x}", thread.truth.id);
  same(who + " id", stack["thread"]["id"], thread.truth.id);
  same(who + " state", stack["thread"]["state"], state_of(thread, expected_.wait_reasons));
  same(who + " process", stack["process"]["address"], hex(process.eprocess));
  same(who + " process id", stack["process"]["id"], process.id);
  same(who + " process name", stack["process"]["name"], process.name.substr(0, 14));
  json processor = nullptr;
  if (thread.truth.processor) processor = *thread.truth.processor;
  same(who + " processor", stack["processor"], processor);
  const bool crashed = thread.truth.processor == expected_.crashed;
  std::string start = "switch_frame";
  if (thread.truth.processor) start = crashed ? "crash_context" : "processor_context";
  if (thread.stack_paged_out) start = "none";
  same(who + " start", stack["start"], start);
  frames(who, stack, thread);
}

}  // namespace

std::vector<std::string> stack_differences(const json& report, const Expected& expected,
                                           std::size_t most) {
  Comparison comparison(expected, most);
  std::map<std::uint64_t, const json*> found;
  for (const json& stack : report["stacks"]) {
    const std::uint64_t address = number(stack["thread"]["address"]);
    if (!found.emplace(address, &stack).second)
      comparison.complain("a thread comes twice: " + hex(address));
  }
  std::map<std::uint64_t, const ProcessTruth*> processes;
  for (const ProcessTruth& process : expected.kernel.processes) processes[process.id] = &process;
  for (const MachineThread& thread : expected.kernel.threads) {
    const auto stack = found.find(thread.truth.ethread);
    if (stack == found.end()) {
      comparison.complain(fmt::format("thread {:x} of {} lacks", thread.truth.id,
                                      processes.at(thread.process_id)->name));
      continue;
    }
    comparison.stack(*stack->second, thread, *processes.at(thread.process_id));
    found.erase(stack);
  }
  for (const auto& [address, stack] : found)
    comparison.complain("a thread that there is not: " + hex(address));
  return comparison.take();
}

std::vector<std::string> info_differences(const json& report, const Expected& expected) {
  Comparison comparison(expected, 20);
  json modules = json::array(), found = json::array();
  for (const ModuleTruth& module : expected.kernel.modules) {
    modules.push_back({{"path", module.path},
                       {"base", hex(module.base)},
                       {"size", module.size},
                       {"timestamp", module.timestamp},
                       {"checksum", module.checksum}});
  }
  for (const json& module : report["modules"]) {
    json each;
    for (const char* field : {"path", "base", "size", "timestamp", "checksum"})
      each[field] = module[field];
    found.push_back(each);
  }
  comparison.same("modules", found, modules);
  const ModuleTruth& unloaded = expected.kernel.unloaded;
  comparison.same("unloaded modules", report["unloaded_modules"],
                  json::array({{{"name", unloaded.path},
                                {"begin", hex(unloaded.base)},
                                {"end", hex(unloaded.base + unloaded.size)}}}));
  std::size_t running = 0;
  for (const MachineThread& thread : expected.kernel.threads) {
    if (!thread.truth.processor) continue;
    running++;
    const json& processor = report["processors"].at(*thread.truth.processor);
    comparison.same("processor", processor["number"], *thread.truth.processor);
    comparison.same("current thread", processor["current_thread"], hex(thread.truth.ethread));
    comparison.same("crashed", processor["crashed"], *thread.truth.processor == expected.crashed);
    comparison.same("has a context", processor["has_context"], true);
    if (thread.process_id == 0)
      comparison.same("idle thread", processor["idle_thread"], hex(thread.truth.ethread));
  }
  comparison.same("processors", report["processors"].size(), running);
  comparison.same("warnings", report["warnings"], json::array());
  return comparison.take();
}

}  // namespace ntstack::world
