// Compares steps with a shadow stack: return address, its slot, trust, and every register that a
// step says it knows.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>
#include <vector>

#include "machine.h"
#include "unwind/x86_cache.h"

namespace ntstack::tests {

struct Figures {
  std::size_t instructions = 0;
  std::size_t youngest = 0, youngest_right = 0;
  std::size_t frames = 0, frames_right = 0;
  std::size_t guesses = 0, wrong_guesses = 0, not_stepped = 0;
  std::size_t registers = 0;
  std::map<unwind::Trust, std::size_t> by_trust;
  std::map<std::string, std::size_t> doubtful;  // where steps are guesses or none
  std::map<std::string, std::size_t> faults;    // wrong frames that are no guesses, wrong registers

  std::string text() const {
    std::string trusts;
    for (const auto& [trust, count] : by_trust)
      trusts += fmt::format(" {} {}", unwind::name_of(trust), count);
    return fmt::format(
        "{} instructions; youngest frames {} of {} right, others {} of {}; guesses {}, wrong "
        "among them {}; not stepped {}; registers {};{}",
        instructions, youngest_right, youngest, frames_right, frames, guesses, wrong_guesses,
        not_stepped, registers, trusts);
  }
};

class Checker {
 public:
  Checker(const unwind::x86::CodeMap& code, const base::ByteSource& memory,
          unwind::x86::StackRange stack)
      : code_(code), memory_(memory), stack_(stack) {}

  // Steps from the processor's registers on through all frames of the shadow stack but its oldest.
  void check(const std::array<std::uint32_t, 8>& gpr, std::uint32_t eip,
             const std::vector<Call>& shadow) {
    using namespace unwind::x86;
    Registers registers;
    registers.gpr = gpr;
    registers.eip = eip;
    registers.known = 0xff;
    ++figures_.instructions;
    for (std::size_t i = shadow.size() - 1; i > 0; --i) {
      const bool youngest = i == shadow.size() - 1;
      const auto found = step(code_, memory_, registers, !youngest, stack_, &cache_);
      const Registers next = judge(registers, found, shadow[i], youngest);
      registers = next;
    }
  }

  const Figures& figures() const { return figures_; }
  bool compares_registers = true;

 private:
  unwind::x86::Registers judge(
      const unwind::x86::Registers& callee,
      const std::expected<unwind::x86::Step, unwind::x86::StepError>& found, const Call& truth,
      bool youngest) {
    const bool after_call = found && found->caller.after_call;
    const bool right = found && found->caller.eip == truth.return_address &&
                       (found->return_slot == truth.slot || after_call);
    ++(youngest ? figures_.youngest : figures_.frames);
    if (right) ++(youngest ? figures_.youngest_right : figures_.frames_right);
    const bool guess = found && found->trust == unwind::Trust::scan;
    figures_.guesses += guess;
    figures_.wrong_guesses += guess && !right;
    figures_.not_stepped += !found;
    if (guess || !found)
      ++figures_.doubtful[fmt::format("{:#x} to {:#x} {}: {}", callee.eip, truth.return_address,
                                      youngest ? "youngest" : "call site",
                                      !found  ? unwind::x86::text_of(found.error())
                                      : right ? "right"
                                              : "wrong")];
    if (found) ++figures_.by_trust[found->trust];
    if (found && !right && !guess)
      fault(fmt::format("{:#x} {}: wrong by {}: {:#x} at {:#x}", callee.eip,
                        youngest ? "youngest" : "call site", unwind::name_of(found->trust),
                        found->caller.eip, found->return_slot - callee.gpr[4]));
    if (right && after_call) return found->caller;
    if (right && !guess && compares_registers) compare_registers(found->caller, truth, callee.eip);
    unwind::x86::Registers next;
    next.gpr = truth.gpr;
    next.eip = truth.return_address;
    next.known = 0xf8;  // those that a callee keeps, and ESP
    if (right) next.arguments = found->caller.arguments;
    return next;
  }

  void compare_registers(const unwind::x86::Registers& caller, const Call& truth,
                         std::uint32_t from) {
    using namespace unwind::x86;
    for (const Name name : {ebx, ebp, esi, edi}) {
      if (!caller.knows(name)) continue;
      ++figures_.registers;
      if (caller.gpr[name] != truth.gpr[name])
        fault(fmt::format("{:#x}: register {} is wrong", from, int{name}));
    }
  }

  void fault(const std::string& text) { ++figures_.faults[text]; }

  const unwind::x86::CodeMap& code_;
  const base::ByteSource& memory_;
  unwind::x86::StackRange stack_;
  unwind::x86::RuleCache cache_;
  Figures figures_;
};

}  // namespace ntstack::tests
