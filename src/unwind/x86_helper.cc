#include "unwind/x86_helper.h"

#include <utility>

#include "code/instruction.h"

namespace ntstack::unwind::x86 {
namespace {

using code::Instruction;
using code::Map;

constexpr int kMostInstructions = 24;
using Value = std::optional<std::uint32_t>;  // nothing: not known

class Execution {
 public:
  Execution(const base::ByteSource& memory, const Registers& registers) : memory_(memory) {
    for (std::size_t n = 0; n < gpr_.size(); ++n)
      if (n == esp || registers.knows(n)) gpr_[n] = registers.gpr[n];
    eip_ = registers.eip;
  }

  std::optional<Returned> run() {
    for (int count = 0; count < kMostInstructions; ++count) {
      const std::vector<std::byte> bytes = memory_.copy(eip_, 15);
      const auto i = code::decode(base::Bytes(std::span<const std::byte>(bytes)), code::Mode::x86);
      if (!i || i->map != Map::one_byte || i->vex || i->operand_size_prefix) return {};
      eip_ += i->length;
      if (i->opcode == 0xc3 || i->opcode == 0xc2) return returned(*i);
      if (!execute(*i)) return {};
      if (!gpr_[esp]) return {};
    }
    return {};
  }

 private:
  std::optional<Returned> returned(const Instruction& i) {
    Returned result;
    result.return_slot = *gpr_[esp];
    const Value target = pop();
    if (!target) return {};
    const auto removed = i.opcode == 0xc2 ? static_cast<std::uint32_t>(i.immediate & 0xffff) : 0;
    Registers& registers = result.registers;
    registers.eip = *target;
    registers.after_call = true;
    gpr_[esp] = *gpr_[esp] + removed;
    for (const Name name : {ebx, esp, ebp, esi, edi}) {
      if (!gpr_[name]) continue;
      registers.gpr[name] = *gpr_[name];
      registers.known |= 1u << name;
    }
    return result;
  }

  Value load(Value address) const {
    if (!address) return {};
    for (std::size_t n = stores_; n-- > 0;)
      if (stored_[n].first == *address) return stored_[n].second;
    return memory_.get<std::uint32_t>(*address);
  }
  void store(Value address, Value value) {
    if (address && stores_ < stored_.size()) stored_[stores_++] = {*address, value};
  }
  Value pop() {
    const Value value = load(gpr_[esp]);
    gpr_[esp] = *gpr_[esp] + 4;
    return value;
  }
  void push(Value value) {
    gpr_[esp] = *gpr_[esp] - 4;
    store(gpr_[esp], value);
  }

  // Of [r + n] and [n]; with an index it is not known.
  Value address_of(const Instruction& i) const {
    const auto displacement = static_cast<std::uint32_t>(i.displacement);
    std::uint8_t base = i.rm();
    if (base == 4) {
      if ((i.sib >> 3 & 7) != 4 || ((i.sib & 7) == 5 && i.mod() == 0)) return {};
      base = i.sib & 7;
    } else if (base == 5 && i.mod() == 0) {
      return displacement;
    }
    const Value value = gpr_[base];
    return value ? Value(*value + displacement) : value;
  }
  Value operand(const Instruction& i) const {
    return i.mod() == 3 ? gpr_[i.rm()] : load(address_of(i));
  }
  void set_operand(const Instruction& i, Value value) {
    if (i.mod() == 3)
      gpr_[i.rm()] = value;
    else
      store(address_of(i), value);
  }

  bool execute(const Instruction& i) {
    const std::uint8_t number = i.opcode & 7;
    switch (i.opcode & 0xf8) {
      case 0x50:
        return push(gpr_[number]), true;
      case 0x58: {
        const Value value = pop();
        gpr_[number] = value;
        return true;
      }
      case 0x90:
        return std::swap(gpr_[0], gpr_[number]), true;
      default:
        return execute_other(i);
    }
  }

  bool execute_other(const Instruction& i) {
    switch (i.opcode) {
      case 0x68:
      case 0x6a:
        return push(static_cast<std::uint32_t>(i.immediate)), true;
      case 0x89:
        return set_operand(i, gpr_[i.reg()]), true;
      case 0x8b:
        return gpr_[i.reg()] = operand(i), true;
      case 0x8d:
        return gpr_[i.reg()] = address_of(i), i.mod() != 3;
      case 0xa3:
        return true;  // to a fixed address: the list of handlers
      case 0xc7:
        return set_operand(i, static_cast<std::uint32_t>(i.immediate)), true;
      case 0xc9:
        gpr_[esp] = gpr_[ebp];
        if (!gpr_[esp]) return false;
        gpr_[ebp] = pop();
        return true;
      case 0xff:
        if (i.reg() != 6) return false;
        return push(operand(i)), true;
      case 0x01:
      case 0x03:
      case 0x29:
      case 0x2b:
        return add_register(i), true;
      case 0x31:
      case 0x33:
        return set_unknown(i), true;
      case 0x85:
        return true;
      case 0x81:
      case 0x83:
        return add(i);
      default:
        return false;
    }
  }

  bool add(const Instruction& i) {
    if (i.mod() != 3 || (i.reg() != 0 && i.reg() != 5)) return false;
    Value& value = gpr_[i.rm()];
    if (!value) return true;
    const auto amount = static_cast<std::uint32_t>(i.immediate);
    value = i.reg() == 0 ? *value + amount : *value - amount;
    return true;
  }

  void add_register(const Instruction& i) {
    const bool to_register = (i.opcode & 2) != 0, is_add = i.opcode < 0x10;
    const Value left = to_register ? gpr_[i.reg()] : operand(i);
    const Value right = to_register ? operand(i) : gpr_[i.reg()];
    Value sum;
    if (left && right) sum = is_add ? *left + *right : *left - *right;
    if (to_register)
      gpr_[i.reg()] = sum;
    else
      set_operand(i, sum);
  }

  void set_unknown(const Instruction& i) {
    if (i.opcode == 0x33)
      gpr_[i.reg()].reset();
    else
      set_operand(i, {});
  }

  const base::ByteSource& memory_;
  std::array<Value, 8> gpr_{};
  std::array<std::pair<std::uint32_t, Value>, kMostInstructions> stored_{};
  std::size_t stores_ = 0;
  std::uint32_t eip_ = 0;
};

}  // namespace

std::optional<Returned> execute_to_return(const base::ByteSource& memory,
                                          const Registers& registers) {
  return Execution(memory, registers).run();
}

}  // namespace ntstack::unwind::x86
