#include "report/facts.h"

#include <map>

namespace ntstack::report {
namespace {
constexpr std::uint8_t kWaiting = 5, kTransition = 6;

// As kd's !thread has it: "STANDBY", "DEFERRED_READY".
std::string kd_word(std::string_view name) {
  std::string word;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool is_upper = name[i] >= 'A' && name[i] <= 'Z';
    if (is_upper && i != 0) word += '_';
    word += is_upper ? name[i] : static_cast<char>(name[i] - 'a' + 'A');
  }
  return word;
}
}  // namespace

std::string state_text(const target::Thread& thread) {
  if (thread.processor) return fmt::format("RUNNING on processor {}", *thread.processor);
  if (thread.captured) return "captured by an APC";
  if (!thread.state) return "";
  const std::string_view state = target::thread_state_name(*thread.state);
  if (state.empty()) return fmt::format("state {:#x}", *thread.state);
  if (*thread.state == kTransition) return "TRANSITION (its kernel stack is swapped out)";
  if (*thread.state != kWaiting) return kd_word(state);
  const std::string_view reason =
      thread.wait_reason ? target::wait_reason_name(*thread.wait_reason) : "";
  return fmt::format("WAIT: ({})", reason.empty() ? "?" : reason);
}

std::vector<std::string> warnings_of(const DumpFacts& facts) {
  std::vector<std::string> warnings = facts.dump.warnings;
  for (const auto* more : {&facts.machine.kernel().warnings(), &facts.machine.warnings()})
    warnings.insert(warnings.end(), more->begin(), more->end());
  return warnings;
}

std::vector<std::string> warnings_of(const StackFacts& facts) {
  std::vector<std::string> warnings = facts.notes;
  for (std::string& warning : warnings_of(facts.of)) warnings.push_back(std::move(warning));
  struct Said {
    const DumpFacts* first;
    std::size_t count;
  };
  std::map<std::string, Said> by_text;
  std::vector<const std::string*> in_order;
  for (const DumpFacts& other : facts.more) {
    for (std::string& warning : warnings_of(other)) {
      const auto [at, is_new] = by_text.try_emplace(std::move(warning), Said{&other, 0});
      ++at->second.count;
      if (is_new) in_order.push_back(&at->first);
    }
  }
  for (const std::string* text : in_order) {
    const Said& said = by_text.at(*text);
    const std::string others =
        said.count > 1 ? fmt::format(" and {} more", said.count - 1) : std::string();
    warnings.push_back(fmt::format("{}{}: {}", said.first->file_name, others, *text));
  }
  return warnings;
}

}  // namespace ntstack::report
