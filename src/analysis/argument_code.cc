#include "analysis/argument_code.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

#include "analysis/frame_registers.h"
#include "analysis/function_start.h"

namespace ntstack::analysis {
namespace {

using base::Architecture;
using code::Disassembled;
using code::Flow;
using code::Leaves;
using code::RegisterNumber;

constexpr std::size_t kMostInstructions = 8192;  // of a function that are looked at

RegisterNumber stack_pointer(Architecture architecture) {
  return architecture == Architecture::arm64 ? 31 : 4;
}

struct Function {
  std::uint64_t begin = 0, end = 0;  // end 0: not known
};
// That of `address`, where records tell where it begins.
std::optional<Function> function_at(const CodeView& code, std::uint64_t address) {
  if (const auto procedure = procedure_at(code, address))
    return Function{procedure->address, procedure->end};
  if (const auto part = unwind_part_at(code, address))
    if (part->begin == part->primary) return Function{part->begin, part->end};
  return std::nullopt;
}

// Calls `take` with each instruction of [begin, end) in order, as long as it says true.
template <class Take>
void for_each_instruction(const CodeView& code, std::uint64_t begin, std::uint64_t end,
                          const Take& take) {
  std::uint64_t at = begin;
  for (std::size_t i = 0; i < kMostInstructions && at < end; ++i) {
    const auto instruction = code.instruction_at(at);
    if (!instruction || !instruction->is_known || !take(*instruction)) return;
    at += instruction->length;
  }
}

// "rsp,28h" of a sub: 0x28.
std::optional<std::uint64_t> taken_from_stack(const Disassembled& instruction) {
  if (instruction.mnemonic != "sub") return std::nullopt;
  const std::string_view text = instruction.operands;
  const std::size_t comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  const std::string_view to = text.substr(0, comma);
  if (to != "rsp" && to != "esp" && to != "sp") return std::nullopt;
  std::string_view number = text.substr(text.rfind(',') + 1);
  const bool is_hex = number.ends_with('h') || number.starts_with("#0x");
  if (number.starts_with('#')) number.remove_prefix(1);
  if (number.starts_with("0x")) number.remove_prefix(2);
  std::uint64_t value = 0;
  const auto end =
      std::from_chars(number.data(), number.data() + number.size(), value, is_hex ? 16 : 10);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

// A function's way from its entry to a call, instruction after instruction: who has the argument.
class Callee {
 public:
  Callee(Architecture architecture, RegisterNumber argument, std::uint64_t ip)
      : architecture_(architecture), ip_(ip), sp_(stack_pointer(architecture)) {
    has_argument_[argument] = true;
    from_entry_[sp_] = 0;
  }

  bool take(const Disassembled& instruction) {
    const bool is_behind = instruction.address >= ip_;
    const std::uint32_t written = written_by(instruction);
    mark_written(instruction, written, is_behind);
    if (is_behind) return true;
    if (!has_called_) follow(instruction, written);
    if (instruction.flow == Flow::call) has_called_ = true;
    if (instruction.flow != Flow::other) is_entry_ = false;
    return true;
  }

  std::vector<ArgumentPlace> places() const {
    std::vector<ArgumentPlace> found;
    for (const Kept& each : kept_)
      if (!each.is_lost)
        found.push_back({ArgumentPlace::in_register, each.number, 0, each.certainty});
    for (const std::uint64_t slot : slots_)
      found.push_back({ArgumentPlace::at_entry, 0, slot, Certainty::likely});
    std::ranges::stable_sort(found, std::greater{}, &ArgumentPlace::certainty);
    return found;
  }

 private:
  struct Kept {
    RegisterNumber number = 0;
    Certainty certainty = Certainty::fact;
    bool is_lost = false;
  };

  static std::uint32_t written_by(const Disassembled& instruction) {
    return instruction.written | (instruction.leaves ? 1u << instruction.leaves->destination : 0u);
  }
  // Gives the caller its register back.
  bool restores(const Disassembled& instruction) const {
    const auto& leaves = instruction.leaves;
    if (instruction.mnemonic == "pop" || instruction.mnemonic == "ldp") return true;
    return leaves && leaves->kind == Leaves::loaded_at &&
           (leaves->base == sp_ || leaves->base == 11 || leaves->base == 5);
  }

  void mark_written(const Disassembled& instruction, std::uint32_t written, bool is_behind) {
    for (Kept& each : kept_) {
      if ((written >> each.number & 1) == 0 || restores(instruction)) continue;
      // Behind the call it counts where the code goes back over it.
      if (is_behind)
        each.certainty = at_most(each.certainty, Certainty::likely);
      else
        each.is_lost = true;
    }
  }

  void follow(const Disassembled& instruction, std::uint32_t written) {
    const auto& leaves = instruction.leaves;
    const bool copies = leaves && leaves->kind == Leaves::copied;
    const bool has = copies && has_argument_[leaves->base];
    std::optional<std::uint64_t> from_entry;
    if (leaves && (copies || leaves->kind == Leaves::sum) && from_entry_[leaves->base])
      from_entry = *from_entry_[leaves->base] + (copies ? 0 : leaves->value);
    keep_in_slot(instruction);
    const auto old_sp = from_entry_[sp_];
    for (RegisterNumber i = 0; i < 32; ++i)
      if ((written >> i & 1) != 0) has_argument_[i] = false, from_entry_[i].reset();
    follow_stack_pointer(instruction, old_sp);
    if (!leaves) return;
    has_argument_[leaves->destination] = has;
    if (from_entry) from_entry_[leaves->destination] = from_entry;
    if (has && is_kept_by_calls(architecture_, leaves->destination))
      kept_.push_back(
          {leaves->destination, is_entry_ ? Certainty::fact : Certainty::likely, false});
  }

  void keep_in_slot(const Disassembled& instruction) {
    constexpr std::size_t most = 4;
    if (!instruction.stored || !has_argument_[*instruction.stored] || !instruction.memory[0])
      return;
    const code::MemoryPlace& place = instruction.memory[0]->place;
    if (place.index || !place.base || !from_entry_[*place.base] || slots_.size() >= most) return;
    slots_.push_back(*from_entry_[*place.base] + static_cast<std::uint64_t>(place.displacement));
  }

  void follow_stack_pointer(const Disassembled& instruction,
                            const std::optional<std::uint64_t>& before) {
    if (!before) return;
    const std::uint64_t word = base::is_64_bit(architecture_) ? 8 : 4;
    if (instruction.mnemonic == "push")
      from_entry_[sp_] = *before - word;
    else if (const auto taken = taken_from_stack(instruction))
      from_entry_[sp_] = *before - *taken;
  }

  Architecture architecture_;
  std::uint64_t ip_;
  RegisterNumber sp_;
  std::array<bool, 32> has_argument_{};
  std::array<std::optional<std::uint64_t>, 32> from_entry_;  // what a register is: SP there + this
  bool is_entry_ = true, has_called_ = false;
  std::vector<Kept> kept_;
  std::vector<std::uint64_t> slots_;
};

// What a register has, in terms of registers as they are now.
struct Held {
  enum Kind : std::uint8_t { sum, memory, constant, at_fixed, argument } kind = sum;
  RegisterNumber base = 0;
  std::uint64_t value = 0;
  bool is_direct = true;  // no branch lies between
};

// A caller's way to a call: what the register of the argument has there.
class Caller {
 public:
  Caller(Architecture architecture, bool is_entry) : architecture_(architecture) {
    if (!is_entry) return;
    for (unsigned i = 0; i < 4; ++i)
      if (const auto number = argument_register(i))
        held_[*number] = Held{Held::argument, 0, i, true};
  }

  // A place that other code may branch to.
  void forget() { held_ = {}; }

  void take(const Disassembled& instruction) {
    if (instruction.flow == Flow::call) return forget();  // what it keeps is seen by its names
    if (!instruction.falls_through()) return forget();
    if (instruction.flow == Flow::conditional)
      for (auto& each : held_)
        if (each) each->is_direct = false;
    const auto left = left_by(instruction);
    std::uint32_t written = instruction.written;
    if (instruction.leaves) written |= 1u << instruction.leaves->destination;
    for (RegisterNumber i = 0; i < 32; ++i) {
      if ((written >> i & 1) == 0) continue;
      held_[i].reset();
      for (auto& each : held_)
        if (each && uses(*each, i)) each.reset();
    }
    if (left && !uses(*left, instruction.leaves->destination))
      held_[instruction.leaves->destination] = left;
  }

  std::vector<ArgumentPlace> places(RegisterNumber argument) const {
    std::vector<ArgumentPlace> found;
    // What was copied from it before, and is kept.
    for (RegisterNumber i = 0; i < 32; ++i)
      if (i != argument && held_[i] && held_[i]->kind == Held::sum && held_[i]->base == argument &&
          is_kept_by_calls(architecture_, i))
        found.push_back({ArgumentPlace::in_register, i, 0 - held_[i]->value,
                         held_[i]->is_direct ? Certainty::fact : Certainty::likely});
    if (const auto& held = held_.at(argument)) add(*held, found);
    std::ranges::stable_sort(found, std::greater{}, &ArgumentPlace::certainty);
    return found;
  }

 private:
  std::optional<RegisterNumber> argument_register(unsigned index) const {
    constexpr RegisterNumber x64[] = {1, 2, 8, 9};
    if (architecture_ == Architecture::x64) return x64[index];
    if (architecture_ == Architecture::arm64) return static_cast<RegisterNumber>(index);
    if (index < 2) return static_cast<RegisterNumber>(1 + index);
    return std::nullopt;
  }

  static bool uses(const Held& held, RegisterNumber number) {
    return (held.kind == Held::sum || held.kind == Held::memory) && held.base == number;
  }

  std::optional<Held> left_by(const Disassembled& instruction) const {
    if (!instruction.leaves) return std::nullopt;
    const Leaves& leaves = *instruction.leaves;
    switch (leaves.kind) {
      case Leaves::constant:
        return Held{Held::constant, 0, leaves.value, true};
      case Leaves::loaded:
        return Held{Held::at_fixed, 0, leaves.value, true};
      case Leaves::copied:
      case Leaves::sum: {
        const std::uint64_t added = leaves.kind == Leaves::sum ? leaves.value : 0;
        const auto& from = held_[leaves.base];
        if (from && from->kind != Held::argument &&
            (added == 0 || from->kind == Held::sum || from->kind == Held::constant)) {
          Held held = *from;
          held.value += added;
          return held;
        }
        if (from && from->kind == Held::argument && added == 0 &&
            !is_kept_by_calls(architecture_, leaves.destination))
          return from;
        return Held{Held::sum, leaves.base, added, true};
      }
      case Leaves::loaded_at: {
        const auto& from = held_[leaves.base];
        if (from && from->kind == Held::constant)
          return Held{Held::at_fixed, 0, from->value + leaves.value, true};
        if (from && from->kind == Held::sum)
          return Held{Held::memory, from->base, from->value + leaves.value, from->is_direct};
        return Held{Held::memory, leaves.base, leaves.value, true};
      }
    }
    return std::nullopt;
  }

  void add(const Held& held, std::vector<ArgumentPlace>& found) const {
    const Certainty certainty = held.is_direct ? Certainty::fact : Certainty::likely;
    const bool is_known =
        is_kept_by_calls(architecture_, held.base) || held.base == stack_pointer(architecture_);
    switch (held.kind) {
      case Held::constant:
        return found.push_back({ArgumentPlace::constant, 0, held.value, certainty});
      case Held::sum:
        if (is_known)
          found.push_back({ArgumentPlace::in_register, held.base, held.value, certainty});
        return;
      case Held::memory:  // which may have changed since
        if (is_known)
          found.push_back({ArgumentPlace::in_memory, held.base, held.value, Certainty::likely});
        return;
      case Held::at_fixed:
        return found.push_back({ArgumentPlace::at_fixed, 0, held.value, Certainty::likely});
      case Held::argument:
        return found.push_back({ArgumentPlace::passed_on, 0, held.value, certainty});
    }
  }

  Architecture architecture_;
  std::array<std::optional<Held>, 32> held_;
};

}  // namespace

std::vector<ArgumentPlace> kept_by_callee(const CodeView& code, std::uint64_t ip,
                                          RegisterNumber argument) {
  if (!code::can_disassemble()) return {};
  const auto function = function_at(code, ip - 1);
  if (!function || function->begin >= ip) return {};
  Callee callee(code.architecture_at(ip), argument, ip);
  for_each_instruction(code, function->begin, std::max(function->end, ip),
                       [&](const Disassembled& instruction) { return callee.take(instruction); });
  return callee.places();
}

std::vector<ArgumentPlace> passed_by_caller(const CodeView& code, std::uint64_t return_address,
                                            RegisterNumber argument) {
  if (!code::can_disassemble()) return {};
  const auto function = function_at(code, return_address - 1);
  if (!function || function->begin >= return_address) return {};
  std::set<std::uint64_t> labels;
  for_each_instruction(code, function->begin, std::max(function->end, return_address),
                       [&](const Disassembled& instruction) {
                         const bool branches = instruction.flow == Flow::jump ||
                                               instruction.flow == Flow::conditional;
                         if (branches && instruction.target) labels.insert(*instruction.target);
                         return true;
                       });
  Caller caller(code.architecture_at(return_address), !labels.contains(function->begin));
  std::vector<ArgumentPlace> places;
  for_each_instruction(code, function->begin, return_address, [&](const Disassembled& instruction) {
    if (labels.contains(instruction.address)) caller.forget();
    const bool is_it = instruction.address + instruction.length == return_address;
    if (is_it && instruction.flow == Flow::call) places = caller.places(argument);
    caller.take(instruction);
    return true;
  });
  return places;
}

}  // namespace ntstack::analysis
