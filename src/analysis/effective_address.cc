#include "analysis/effective_address.h"

#include <array>
#include <string_view>
#include <variant>

namespace ntstack::analysis {
namespace {

using code::MemoryOperand;
using code::RegisterNumber;

constexpr RegisterNumber kStackPointer = 4;  // of x86 and x64: always known

// A general register's value; ARM64's 31 is SP.
std::optional<std::uint64_t> value_of(const stacks::Registers& registers, RegisterNumber number) {
  if (const auto* wide = std::get_if<unwind::x64::Registers>(&registers)) {
    if (number == kStackPointer) return wide->gpr[number];
    if (number >= wide->gpr.size() || (wide->known >> number & 1) == 0) return std::nullopt;
    return wide->gpr[number];
  }
  if (const auto* narrow = std::get_if<unwind::x86::Registers>(&registers)) {
    if (number == kStackPointer) return narrow->gpr[number];
    if (number >= narrow->gpr.size() || (narrow->known >> number & 1) == 0) return std::nullopt;
    return narrow->gpr[number];
  }
  const auto& arm = std::get<unwind::arm64::Registers>(registers);
  if (number == 31) return arm.sp;
  if (number >= arm.x.size() || (arm.known >> number & 1) == 0) return std::nullopt;
  return arm.x[number];
}

std::optional<std::uint64_t> address_of(const MemoryOperand& operand,
                                        const stacks::Registers& registers) {
  auto sum = static_cast<std::uint64_t>(operand.place.displacement);
  if (operand.place.base) {
    const auto base = value_of(registers, *operand.place.base);
    if (!base) return std::nullopt;
    sum += *base;
  }
  if (operand.place.index) {
    auto index = value_of(registers, *operand.place.index);
    if (!index) return std::nullopt;
    if (operand.index_is_word) {
      const auto word = static_cast<std::uint32_t>(*index);
      index = operand.index_is_signed
                  ? static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(word)})
                  : word;
    }
    sum += *index * operand.place.scale;
  }
  return operand.bits >= 64 ? sum : sum & ((std::uint64_t{1} << operand.bits) - 1);
}

// x86's conditions in the order of their encoding: each second is the first's opposite.
constexpr std::array<std::string_view, 16> kConditions = {
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"};

std::optional<bool> x86_condition(std::string_view condition, std::uint32_t flags) {
  const auto bit = [&](unsigned number) { return (flags >> number & 1) != 0; };
  const bool carry = bit(0), parity = bit(2), zero = bit(6), sign = bit(7), overflow = bit(11);
  const std::array<bool, 8> values = {overflow,
                                      carry,
                                      zero,
                                      carry || zero,
                                      sign,
                                      parity,
                                      sign != overflow,
                                      zero || sign != overflow};
  for (std::size_t i = 0; i < kConditions.size(); ++i)
    if (kConditions[i] == condition) return values[i / 2] != (i % 2 == 1);
  return std::nullopt;
}

constexpr std::array<std::string_view, 14> kArm64Conditions = {
    "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"};

std::optional<bool> arm64_condition(std::string_view condition, std::uint32_t flags) {
  const auto bit = [&](unsigned number) { return (flags >> number & 1) != 0; };
  const bool negative = bit(31), zero = bit(30), carry = bit(29), overflow = bit(28);
  const std::array<bool, 7> values = {zero,
                                      carry,
                                      negative,
                                      overflow,
                                      carry && !zero,
                                      negative == overflow,
                                      !zero && negative == overflow};
  if (condition == "cs") condition = "hs";
  if (condition == "cc") condition = "lo";
  for (std::size_t i = 0; i < kArm64Conditions.size(); ++i)
    if (kArm64Conditions[i] == condition) return values[i / 2] != (i % 2 == 1);
  return std::nullopt;
}

// jcxz, jecxz, jrcxz.
std::optional<bool> by_counter(std::string_view mnemonic, const stacks::Registers& registers) {
  const auto counter = value_of(registers, 1);
  if (!counter) return std::nullopt;
  if (mnemonic == "jcxz") return (*counter & 0xffff) == 0;
  if (mnemonic == "jecxz") return (*counter & UINT32_MAX) == 0;
  if (mnemonic == "jrcxz") return *counter == 0;
  return std::nullopt;
}

}  // namespace

std::vector<EffectiveAddress> effective_addresses(const code::Disassembled& instruction,
                                                  const stacks::Registers& registers) {
  std::vector<EffectiveAddress> found;
  for (const auto& operand : instruction.memory) {
    if (!operand || operand->is_only_address) continue;
    const auto address = address_of(*operand, registers);
    if (address) found.push_back({*address, operand->place.size, operand->segment});
  }
  return found;
}

std::optional<bool> is_taken(const code::Disassembled& instruction, std::uint32_t flags,
                             const stacks::Registers& registers) {
  if (instruction.flow != code::Flow::conditional) return std::nullopt;
  const std::string_view mnemonic = instruction.mnemonic;
  const bool is_arm64 = std::holds_alternative<unwind::arm64::Registers>(registers);
  if (is_arm64)
    return mnemonic.starts_with('b') ? arm64_condition(mnemonic.substr(1), flags) : std::nullopt;
  if (!mnemonic.starts_with('j')) return std::nullopt;
  if (mnemonic.ends_with("cxz")) return by_counter(mnemonic, registers);
  return x86_condition(mnemonic.substr(1), flags);
}

}  // namespace ntstack::analysis
