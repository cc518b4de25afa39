#include "report/facts.h"

namespace ntstack::report {
namespace {
// The kernel marks threads that a triage capture stopped with a state that none has.
constexpr std::uint8_t kCapturedState = 0xff;
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
  if (!thread.state) return "";
  if (*thread.state == kCapturedState) return "captured by an APC";
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

}  // namespace ntstack::report
