#include "unwind/x64_rule_builder.h"

#include <algorithm>
#include <limits>

namespace ntstack::unwind::x64 {
namespace {

using pe::x64::Op;
using pe::x64::Winding;
using pe::x64::WindingOp;

constexpr std::uint8_t kVolatile = 0xff;
// R16 to R31 have no place in Registers: what is saved of them is passed over too.
constexpr std::array<std::uint8_t, 32> kSlotOfRegister = [] {
  std::array<std::uint8_t, 32> slots{};
  slots.fill(kVolatile);
  for (std::uint8_t i = 0; i < kNonvolatile.size(); ++i) slots[kNonvolatile[i]] = i;
  return slots;
}();

std::uint8_t slot_of(std::uint8_t register_number) { return kSlotOfRegister[register_number & 31]; }

bool fits(std::int64_t offset) {
  return offset >= std::numeric_limits<std::int32_t>::min() &&
         offset <= std::numeric_limits<std::int32_t>::max() - 64;
}

}  // namespace

bool RuleBuilder::save(std::uint8_t register_number, Place place) {
  if (register_number == rsp) return false;
  const std::uint8_t slot = slot_of(register_number);
  if (slot == kVolatile) return true;
  rule_.saved |= static_cast<std::uint8_t>(1u << slot);
  saved_[slot] = place;
  return true;
}

// All infos of a chain name the same frame register, and none restores it before it is used.
bool RuleBuilder::use_frame_register(std::uint8_t number) {
  if (number == 0 || number == rsp) return false;
  if (rule_.frame_register != 0 && rule_.frame_register != number) return false;
  rule_.frame_register = number;
  const std::uint8_t slot = slot_of(number);
  return slot == kVolatile || (rule_.saved & (1u << slot)) == 0;
}

bool RuleBuilder::undo(const pe::x64::UnwindCode& code, Place base) {
  switch (code.op) {
    case Op::push_nonvol:
      if (!save(code.info, stack)) return false;
      stack = stack + 8;
      return true;
    case Op::alloc_large:
    case Op::alloc_small:
      stack = stack + code.amount;
      return true;
    case Op::set_fpreg:
    case Op::set_fpreg_large:
      stack = Place{true, -std::int64_t{code.amount}};
      return use_frame_register(code.info);
    case Op::save_nonvol:
    case Op::save_nonvol_far:
      if (base.from_frame && rule_.frame_register == 0) return false;
      return save(code.info, base + code.amount);
    case Op::save_xmm128:
    case Op::save_xmm128_far:
    case Op::spare:
      return true;
    case Op::push_machframe:
      exit_ = code.info ? Exit::machine_frame_with_error_code : Exit::machine_frame;
      return true;
    case Op::epilog:
      break;
  }
  return false;
}

bool RuleBuilder::undo(const Winding& winding) {
  switch (winding.op) {
    case WindingOp::push:
    case WindingOp::push2:
    case WindingOp::push_consecutive_2:
      return undo_pushes(winding);
    case WindingOp::alloc_small:
    case WindingOp::alloc_large:
    case WindingOp::alloc_huge:
      stack = stack + winding.amount;
      return true;
    case WindingOp::set_fpreg:
      return undo_set_fpreg(winding.register_number, winding.amount);
    // From RSP as it was at the instruction, which is where it is now.
    case WindingOp::save_nonvol:
    case WindingOp::save_nonvol_far:
      return save(winding.register_number, stack + winding.amount);
    case WindingOp::save_xmm128:
    case WindingOp::save_xmm128_far:
      return true;
    case WindingOp::push_canonical_frame:
      return undo_canonical_frame(winding.register_number);
  }
  return false;
}

bool RuleBuilder::undo_pushes(const Winding& winding) {
  if (winding.pushes_two()) {
    if (!save(winding.second, stack)) return false;
    stack = stack + 8;
  }
  if (!save(winding.register_number, stack)) return false;
  stack = stack + 8;
  return true;
}

// What was done since is counted from RSP, which a body may have moved: with the frame register it
// is known where RSP was, and the slots found so far with it.
bool RuleBuilder::undo_set_fpreg(std::uint8_t number, std::uint32_t offset) {
  const Place set{true, -std::int64_t{offset}};
  if (!use_frame_register(number)) return false;
  if (stack.from_frame) return stack.offset == set.offset;
  for (Place& slot : saved_) {
    if (!slot.from_frame) slot = set + (slot.offset - stack.offset);
  }
  stack = set;
  return true;
}

bool RuleBuilder::undo_canonical_frame(std::uint8_t type) {
  if (type > pe::x64::frame_with_error_code) return false;
  const bool has_error_code = type == pe::x64::frame_with_error_code;
  exit_ = has_error_code ? Exit::machine_frame_with_error_code : Exit::machine_frame;
  return true;
}

std::expected<Rule, StepError> RuleBuilder::finish() {
  const Place place = exit_ == Exit::machine_frame_with_error_code ? stack + 8 : stack;
  if (!fits(place.offset)) return std::unexpected(StepError::unwind_data_bad);
  rule_.return_slot = static_cast<std::int32_t>(place.offset);
  rule_.return_from_frame = place.from_frame;
  rule_.lowest_slot = rule_.return_slot;
  rule_.argument_bytes = argument_bytes;
  rule_.exit = exit_;
  rule_.together = true;
  for (std::size_t i = 0; i < saved_.size(); ++i) {
    if ((rule_.saved & (1u << i)) == 0) continue;
    const Place& slot = saved_[i];
    if (!fits(slot.offset)) return std::unexpected(StepError::unwind_data_bad);
    rule_.slots[i] = static_cast<std::int32_t>(slot.offset);
    if (slot.from_frame) rule_.saved_from_frame |= static_cast<std::uint8_t>(1u << i);
    rule_.lowest_slot = std::min(rule_.lowest_slot, rule_.slots[i]);
    rule_.together &= slot.from_frame == place.from_frame && slot.offset <= place.offset;
  }
  return rule_;
}

}  // namespace ntstack::unwind::x64
