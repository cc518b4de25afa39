#include "analysis/register_values.h"

namespace ntstack::analysis {

using code::Disassembled;
using code::Leaves;

std::optional<std::uint64_t> RegisterValues::address_of(const Leaves& leaves) const {
  if (leaves.kind != Leaves::sum && leaves.kind != Leaves::loaded_at) return {};
  const auto& base = known_.at(leaves.base).value;
  if (!base || base->kind != KnownValue::constant) return {};
  return base->value + leaves.value;
}

void RegisterValues::apply(const Disassembled& instruction) {
  if (!instruction.falls_through() || instruction.flow == code::Flow::call) return forget();
  Entry left;
  if (const auto& leaves = instruction.leaves) {
    const auto sum = address_of(*leaves);
    if (leaves->kind == Leaves::constant) left.value = {KnownValue::constant, leaves->value};
    if (leaves->kind == Leaves::loaded) left.value = {KnownValue::from_memory, leaves->value};
    if (leaves->kind == Leaves::sum && sum) left.value = {KnownValue::constant, *sum};
    if (leaves->kind == Leaves::loaded_at && sum) left.value = {KnownValue::from_memory, *sum};
    if (leaves->kind == Leaves::loaded_at && !sum) left.at = {leaves->base, leaves->value};
  }
  std::uint32_t written = instruction.written;
  if (instruction.leaves) written |= 1u << instruction.leaves->destination;
  for (code::RegisterNumber i = 0; i < known_.size(); ++i) {
    if ((written >> i & 1) != 0) known_[i] = {};
    if (known_[i].at && (written >> known_[i].at->base & 1) != 0) known_[i].at.reset();
  }
  if (!instruction.leaves) return;
  // What a register loads by way of itself is gone with it.
  if (left.at && left.at->base == instruction.leaves->destination) left.at.reset();
  known_[instruction.leaves->destination] = left;
}

}  // namespace ntstack::analysis
