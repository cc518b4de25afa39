#include "console/all_stacks.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "console/wildcards.h"

namespace ntstack::console {

std::vector<ProcessThreads> threads_by_process(const target::Machine& machine) {
  std::vector<ProcessThreads> all;
  std::unordered_map<const target::Process*, std::size_t> index;
  for (const target::Process& process : machine.processes()) {
    index.emplace(&process, all.size());
    all.push_back({&process, {}});
  }
  all.emplace_back();
  for (const target::Thread& thread : machine.threads()) {
    const auto found = index.find(machine.process_of(thread));
    all[found == index.end() ? all.size() - 1 : found->second].threads.push_back(&thread);
  }
  std::erase_if(all, [](const ProcessThreads& each) { return each.threads.empty(); });
  return all;
}

stacks::Stack stack_of(Console& console, const target::Thread& thread) {
  const auto& processors = console.machine().processors();
  const auto runs = std::ranges::find_if(processors, [&](const target::Processor& processor) {
    return thread.address != 0 && processor.current_thread == thread.address;
  });
  return runs == processors.end() ? console.walker().walk_thread(thread)
                                  : console.walker().walk_processor(*runs);
}

base::Result<void> for_each_stack(Console& console, const VisitStack& visit) {
  if (console.machine().threads().empty()) return base::fail("the dump tells of no threads");
  for (const ProcessThreads& each : threads_by_process(console.machine())) {
    for (const target::Thread* thread : each.threads) {
      if (console.is_interrupted()) return base::fail("interrupted");
      visit(*thread, stack_of(console, *thread));
    }
  }
  return {};
}

bool has_symbol(const stacks::Frame& frame, std::string_view wanted) {
  if (!has_wildcards(wanted)) return contains_ignoring_case(frame.symbol.text(), wanted);
  const std::string& module = frame.symbol.module;
  return matches(wanted.find('!') == std::string_view::npos ? frame.symbol.name
                                                            : module + "!" + frame.symbol.name,
                 wanted);
}

std::string cid_text(const target::Thread& thread) {
  const auto id = [](std::optional<std::uint64_t> number) {
    return number ? fmt::format("{:x}", *number) : std::string("????");
  };
  return fmt::format("{}.{}", id(thread.process_id), id(thread.id));
}

}  // namespace ntstack::console
