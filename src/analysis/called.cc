#include "analysis/called.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/frame_registers.h"
#include "analysis/function_code.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

using base::Architecture;
using code::Disassembled;
using code::Flow;
using code::RegisterNumber;

constexpr std::size_t kLinesBefore = 24;
constexpr int kMostPassed = 4;

bool is_nop(const Disassembled& instruction) { return instruction.mnemonic == "nop"; }

class Finding {
 public:
  Finding(const CodeView& view, std::uint64_t return_address, const RegisterOf& register_of)
      : view_(view), register_of_(register_of), is_64_bit_(view.is_64_bit_at(return_address - 1)) {
    out_.return_address = return_address;
    out_.return_symbol = view.name(return_address);
  }

  Called run() {
    if (!find_call()) return std::move(out_);
    const Disassembled& call = out_.call->instruction;
    architecture_ = view_.architecture_at(call.address);
    if (call.target) {
      arrive(*call.target, CalledBy::instruction);
    } else if (call.slot && call.target_memory) {
      through_slot(*call.slot);
    } else if (call.target_memory) {
      through_memory(*call.target_memory);
    } else if (call.target_register) {
      through_register(*call.target_register);
    } else {
      out_.why_unknown = "the call goes to another code segment";
    }
    pass_on();
    if (!out_.target && out_.why_unknown.empty() && out_.symbol.empty())
      out_.why_unknown = "where it leads is not known";
    return std::move(out_);
  }

 private:
  std::string text(std::uint64_t address) const { return base::address_text(address, is_64_bit_); }

  bool find_call() {
    Listing before = list_before(view_, out_.return_address, kLinesBefore);
    // Behind a call through an import the linker leaves a NOP, which is part of what the loader may
    // make of it.
    if (before.lines.size() > 1 && is_nop(before.lines.back().instruction) &&
        before.lines.back().instruction.length == 5)
      before.lines.pop_back();
    if (before.lines.empty()) {
      out_.why_unknown = before.why_ended;
      return false;
    }
    if (before.lines.back().instruction.flow != Flow::call) {
      out_.why_unknown = fmt::format("no call is before {}: {} {} is", text(out_.return_address),
                                     before.lines.back().instruction.mnemonic,
                                     before.lines.back().instruction.operands);
      return false;
    }
    out_.is_guess = before.is_guess && call_is_a_guess(before);
    out_.call = before.lines.back();
    before_ = std::move(before.lines);
    if (out_.is_guess)
      out_.notes.push_back(
          "that the call is the instruction before is a guess: no record of the function is at "
          "hand");
    return true;
  }

  // Its bytes may end in a call by chance; a call that leads into a module, or through a slot that
  // is there, seldom does.
  bool call_is_a_guess(const Listing& before) const {
    const Disassembled& call = before.lines.back().instruction;
    if (call.target) return !view_.modules().find(*call.target);
    if (call.slot) return view_.import_at(*call.slot).empty() && !view_.pointer_in_dump(*call.slot);
    return true;
  }

  // What branches from near by lead to begins a block: what was known before is not, there.
  std::size_t first_of_block(const std::vector<Line>& lines) const {
    std::size_t first = 0;
    const auto labels = labels_of(view_, lines.back().instruction.address);
    for (std::size_t i = 0; i < lines.size(); ++i)
      if (std::ranges::binary_search(labels, lines[i].instruction.address)) first = i;
    return first;
  }

  void arrive(std::uint64_t target, CalledBy by) {
    out_.target = target;
    out_.by = by;
    out_.symbol = view_.name(target);
  }

  void through_slot(std::uint64_t slot) {
    out_.slot = slot;
    out_.slot_symbol = view_.memory_name(slot);
    out_.import_name = view_.import_at(slot);
    if (const auto value = view_.pointer_in_dump(slot))
      return arrive(*value, CalledBy::dump_memory);
    if (out_.import_name.empty()) {
      out_.why_unknown = fmt::format(
          "what {} holds is not in the dump, and it is no slot of an import table at hand",
          text(slot));
      return;
    }
    out_.by = CalledBy::import_table;
    out_.symbol = out_.import_name;
    out_.target = view_.address_of(out_.import_name);
  }

  std::optional<std::uint64_t> kept(RegisterNumber number) const {
    if (!register_of_ || !is_kept_by_calls(architecture_, number)) return {};
    return register_of_(number);
  }

  std::string name_of(RegisterNumber number) const {
    return code::register_name(architecture_, number);
  }

  std::string cannot_be_known(RegisterNumber number) const {
    if (is_joined_)
      return fmt::format("it depends on {}, and more than one way leads to the call",
                         name_of(number));
    return is_kept_by_calls(architecture_, number)
               ? fmt::format(
                     "it depends on {}, which the code alone does not tell; a call keeps it: the "
                     "calling frame's registers have it",
                     name_of(number))
               : fmt::format(
                     "it depends on {}, which the code alone does not tell, and no call keeps",
                     name_of(number));
  }

  void through_memory(const code::MemoryPlace& place) {
    const auto base = place.base ? kept(*place.base) : std::optional<std::uint64_t>(0);
    const auto index = place.index ? kept(*place.index) : std::optional<std::uint64_t>(0);
    if (!base || !index) {
      out_.why_unknown = cannot_be_known(base ? *place.index : *place.base);
      return;
    }
    from_frame(*base + *index * place.scale + static_cast<std::uint64_t>(place.displacement));
  }

  // Memory at what a register held.
  void from_frame(std::uint64_t address) {
    if (!is_64_bit_) address &= 0xffffffff;
    out_.slot = address;
    out_.slot_symbol = view_.memory_name(address);
    if (const auto value = view_.pointer_in_dump(address)) return arrive(*value, CalledBy::frame);
    out_.why_unknown = fmt::format("what {} holds is not in the dump", text(address));
  }

  void read_block() {
    const std::size_t first = first_of_block(before_);
    is_joined_ = first + 1 == before_.size() && before_.size() > 1;
    for (std::size_t i = first; i + 1 < before_.size(); ++i) values_.apply(before_[i].instruction);
    before_.clear();
  }

  void through_register(RegisterNumber number) {
    if (!before_.empty()) read_block();
    out_.through_register = number;
    if (const auto value = values_.of(number)) {
      if (value->kind == KnownValue::constant) return arrive(value->value, CalledBy::code_before);
      return through_slot(value->value);
    }
    if (const auto at = values_.loaded_at(number)) {
      if (const auto base = kept(at->base)) return from_frame(*base + at->displacement);
      out_.why_unknown = cannot_be_known(at->base);
      return;
    }
    if (const auto value = kept(number)) return arrive(*value, CalledBy::frame);
    out_.why_unknown = cannot_be_known(number);
  }

  // Functions that jump on to what a register holds: control flow guard and retpolines.
  std::optional<RegisterNumber> dispatched_register(const std::string& symbol) const {
    const bool is_guard = symbol.find("guard_dispatch_icall") != std::string::npos ||
                          symbol.find("guard_retpoline_") != std::string::npos ||
                          symbol.find("guard_xfg_dispatch_icall") != std::string::npos;
    if (!is_guard) return {};
    for (RegisterNumber i = 0; i < 32; ++i)
      if (symbol.ends_with("_" + name_of(i))) return i;
    return architecture_ == Architecture::arm64 ? RegisterNumber{15} : RegisterNumber{0};
  }

  bool dispatch(const std::string& symbol) {
    const auto number = dispatched_register(symbol);
    if (!number) return false;
    out_.passed.push_back({*out_.target, symbol, out_.slot});
    out_.target.reset();
    out_.slot.reset();
    out_.slot_symbol.clear();
    out_.symbol.clear();
    out_.by = CalledBy::unknown;
    through_register(*number);
    return true;
  }

  // Thunks: a jump as the first instruction.
  void pass_on() {
    for (int i = 0; i < kMostPassed && out_.target; ++i) {
      if (dispatch(out_.symbol)) continue;
      const auto first = view_.instruction_at(*out_.target);
      if (!first || first->flow != Flow::jump) return;
      const bool through_slot_alone = first->slot && first->target_memory;
      if (!first->target && !through_slot_alone) return;
      const Passed passed{*out_.target, out_.symbol,
                          through_slot_alone ? first->slot : std::nullopt};
      if (std::ranges::find(out_.passed, passed.address, &Passed::address) != out_.passed.end())
        return;
      out_.passed.push_back(passed);
      if (first->target) {
        arrive(*first->target, out_.by);
      } else {
        out_.target.reset();
        out_.symbol.clear();
        through_slot(*first->slot);
      }
    }
  }

  const CodeView& view_;
  const RegisterOf& register_of_;
  bool is_64_bit_;
  Architecture architecture_ = Architecture::unknown;
  std::vector<Line> before_;  // the lines up to the call, as long as they were not read
  bool is_joined_ = false;    // something branches to the call itself
  RegisterValues values_;     // before the call
  Called out_;
};

}  // namespace

std::string_view name_of(CalledBy by) {
  switch (by) {
    case CalledBy::instruction:
      return "instruction";
    case CalledBy::dump_memory:
      return "dump_memory";
    case CalledBy::import_table:
      return "import_table";
    case CalledBy::code_before:
      return "code_before";
    case CalledBy::frame:
      return "frame";
    case CalledBy::unknown:
      break;
  }
  return "unknown";
}

Called called_before(const CodeView& view, std::uint64_t return_address,
                     const RegisterOf& register_of) {
  return Finding(view, return_address, register_of).run();
}

}  // namespace ntstack::analysis
