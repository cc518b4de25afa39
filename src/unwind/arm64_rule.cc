#include "unwind/arm64_rule.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace ntstack::unwind::arm64 {
namespace {

using pe::arm64::Op;
using pe::arm64::RegisterKind;
using pe::arm64::UnwindCode;

constexpr unsigned kSlots = Rule{}.slots.size();
constexpr std::uint32_t kLrSlot = lr - Rule::first, kFpSlot = fp - Rule::first;
constexpr unsigned kLastPaired = 28;  // save_next goes on with d8 behind it

// A place on the stack, in bytes from the callee's FP or SP.
struct Place {
  bool from_frame = false;
  std::int64_t offset = 0;
};

class Compiler {
 public:
  // False where the code has no place in a rule.
  bool undo(const UnwindCode& code);
  std::optional<Rule> finish();

 private:
  bool restore(const UnwindCode& code);
  bool save(unsigned reg, std::int64_t offset);
  bool set_slots();

  Rule rule_;
  std::array<Place, kSlots> places_{};
  Place stack_;
  unsigned next_pairs_ = 0;
};

bool Compiler::save(unsigned reg, std::int64_t offset) {
  if (reg < Rule::first) return false;
  const unsigned slot = reg - Rule::first;
  if ((rule_.saved >> slot & 1) != 0) return false;
  rule_.saved = static_cast<std::uint16_t>(rule_.saved | 1u << slot);
  places_[slot] = {stack_.from_frame, stack_.offset + offset};
  return true;
}

bool Compiler::restore(const UnwindCode& code) {
  if (next_pairs_ != 0 && (code.count != 2 || code.op == Op::save_lrpair ||
                           code.op == Op::save_fplr || code.op == Op::save_fplr_x))
    return false;
  const std::int64_t first = code.writeback ? 0 : code.amount;
  if (code.op == Op::save_lrpair) {
    if (!save(code.reg, first) || !save(lr, first + 8)) return false;
  } else if (code.kind == RegisterKind::x) {
    for (unsigned i = 0; i < code.count + next_pairs_ * 2; ++i) {
      const unsigned reg = code.reg + i;
      if ((i < code.count || reg <= kLastPaired) && !save(reg, first + i * 8)) return false;
    }
  }
  next_pairs_ = 0;
  if (code.writeback) stack_.offset += code.amount;
  return true;
}

bool Compiler::undo(const UnwindCode& code) {
  if (code.kind != RegisterKind::none) return restore(code);
  if (code.op == Op::save_next) {
    ++next_pairs_;
    return true;
  }
  if (next_pairs_ != 0) return false;
  switch (code.op) {
    case Op::alloc_s:
    case Op::alloc_m:
    case Op::alloc_l:
      stack_.offset += code.amount;
      return true;
    case Op::set_fp:
    case Op::add_fp:
      stack_ = {true, -std::int64_t{code.amount}};
      return (rule_.saved >> kFpSlot & 1) == 0;
    case Op::pac_sign_lr:
      rule_.signed_return = true;
      return true;
    case Op::nop:
    case Op::end_c:
      return true;
    default:
      return false;
  }
}

bool Compiler::set_slots() {
  using Unit = std::numeric_limits<std::int16_t>;
  std::int64_t lowest = Unit::max(), highest = Unit::min();
  rule_.together = true;
  for (unsigned i = 0; i < kSlots; ++i) {
    if ((rule_.saved >> i & 1) == 0) continue;
    const Place& place = places_[i];
    const std::int64_t slot = place.offset / Rule::unit;
    if (place.offset % Rule::unit != 0 || slot < Unit::min() || slot > Unit::max()) return false;
    rule_.slots[i] = static_cast<std::int16_t>(slot);
    if (place.from_frame)
      rule_.saved_from_frame = static_cast<std::uint16_t>(rule_.saved_from_frame | 1u << i);
    rule_.together &= place.from_frame == stack_.from_frame;
    lowest = std::min(lowest, slot);
    highest = std::max(highest, slot);
  }
  if (rule_.saved == 0) return true;
  const std::int64_t size = (highest + 1 - lowest) * Rule::unit;
  if (size > std::numeric_limits<std::uint16_t>::max()) rule_.together = false;
  rule_.lowest = static_cast<std::int16_t>(lowest);
  for (unsigned i = 0; i < kSlots; ++i)
    if ((rule_.saved >> i & 1) == 0) rule_.slots[i] = rule_.lowest;
  rule_.size = rule_.together ? static_cast<std::uint16_t>(size) : std::uint16_t{0};
  return true;
}

std::optional<Rule> Compiler::finish() {
  using Bytes = std::numeric_limits<std::int32_t>;
  if (next_pairs_ != 0 || stack_.offset < Bytes::min() || stack_.offset > Bytes::max()) return {};
  rule_.stack = static_cast<std::int32_t>(stack_.offset);
  rule_.stack_from_frame = stack_.from_frame;
  if (!set_slots()) return {};
  return rule_;
}

std::uint64_t moved(std::uint64_t address, std::int64_t bytes) {
  return address + static_cast<std::uint64_t>(bytes);
}

// The usual frame: every slot within one view of the stack.
bool apply_together(const Rule& rule, const base::ByteSource& memory, std::uint64_t base,
                    Registers& caller) {
  const base::Bytes bytes =
      memory.view(moved(base, std::int64_t{rule.lowest} * Rule::unit), rule.size);
  if (bytes.size() != rule.size) return false;
  // All twelve, those that are not saved from the lowest slot: no branch that depends on the rule.
  for (std::size_t i = 0; i < kSlots; ++i) {
    const std::int64_t offset = (std::int64_t{rule.slots[i]} - rule.lowest) * Rule::unit;
    std::uint64_t value;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    const std::uint64_t keep = (std::uint64_t{rule.saved} >> i & 1) - 1;
    std::uint64_t& reg = caller.x[Rule::first + i];
    reg = (reg & keep) | (value & ~keep);
  }
  caller.known |= std::uint32_t{rule.saved} << Rule::first;
  return true;
}

// Any frame, slot by slot; a register whose slot is not there is not known.
void apply_slots(const Rule& rule, const base::ByteSource& memory, const Registers& callee,
                 Registers& caller) {
  for (std::uint32_t left = rule.saved; left != 0; left &= left - 1) {
    const auto slot = static_cast<std::size_t>(std::countr_zero(left));
    const bool from_frame = (rule.saved_from_frame >> slot & 1) != 0;
    const std::uint64_t base = from_frame ? callee.x[fp] : callee.sp;
    const std::uint32_t bit = 1u << (Rule::first + slot);
    const auto value =
        memory.get<std::uint64_t>(moved(base, std::int64_t{rule.slots[slot]} * Rule::unit));
    if (value) caller.x[Rule::first + slot] = *value;
    caller.known = value ? caller.known | bit : caller.known & ~bit;
  }
}

// A copy made member by member, where the result lies: the whole at once becomes one string
// instruction (GCC 12), which is slow to start.
struct CopyOf {
  const Registers& from;
  operator Registers() const { return {from.x, from.sp, from.pc, from.known, from.sp_is_bound}; }
};

}  // namespace

std::optional<Rule> rule_of(Sequence sequence) {
  Compiler compiler;
  while (const auto code = sequence.next()) {
    if (!compiler.undo(*code)) return {};
  }
  return sequence.is_bad() ? std::nullopt : compiler.finish();
}

// One result, returned from one place: it is built where the caller wants it, and not copied.
std::expected<Step, StepError> apply(const Rule& rule, const base::ByteSource& memory,
                                     const Registers& callee) {
  std::expected<Step, StepError> result(std::in_place, CopyOf{callee});
  const bool uses_frame = rule.stack_from_frame || rule.saved_from_frame != 0;
  if (uses_frame && (callee.known >> fp & 1) == 0) {
    result = std::unexpected(StepError::register_unknown);
    return result;
  }
  Registers& caller = result->caller;
  const std::uint64_t base = rule.stack_from_frame ? callee.x[fp] : callee.sp;
  if (rule.saved != 0 && !(rule.together && apply_together(rule, memory, base, caller)))
    apply_slots(rule, memory, callee, caller);
  const bool lr_is_saved = (rule.saved >> kLrSlot & 1) != 0;
  const bool lr_is_known = (caller.known >> lr & 1) != 0;
  caller.sp = moved(base, rule.stack);
  caller.pc = without_pac(caller.x[lr]);
  caller.known &= kKeptByCalls;
  result->signed_return = rule.signed_return;
  // A return through LR itself leaves the stack as it is.
  const bool grows = caller.sp > callee.sp || (caller.sp == callee.sp && !lr_is_saved);
  if (!lr_is_known) {
    result = std::unexpected(lr_is_saved ? StepError::memory_missing : StepError::register_unknown);
  } else if (!grows) {
    result = std::unexpected(StepError::no_progress);
  }
  return result;
}

}  // namespace ntstack::unwind::arm64
