#include "code/disassembler.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "base/no_memory.h"
#include "base/text.h"
#include "code/arm64_atomics.h"
#include "code/arm64_pointer_auth.h"
#include "code/disassembler_text.h"
#include "code/instruction.h"

namespace ntstack::code {
namespace {

using base::Architecture;

// The pointer-sized registers by their encoding; narrower ones are parts of them.
std::optional<RegisterNumber> x86_number(unsigned reg) {
  static constexpr unsigned kRegisters[16][5] = {
      {X86_REG_RAX, X86_REG_EAX, X86_REG_AX, X86_REG_AL, X86_REG_AH},
      {X86_REG_RCX, X86_REG_ECX, X86_REG_CX, X86_REG_CL, X86_REG_CH},
      {X86_REG_RDX, X86_REG_EDX, X86_REG_DX, X86_REG_DL, X86_REG_DH},
      {X86_REG_RBX, X86_REG_EBX, X86_REG_BX, X86_REG_BL, X86_REG_BH},
      {X86_REG_RSP, X86_REG_ESP, X86_REG_SP, X86_REG_SPL, 0},
      {X86_REG_RBP, X86_REG_EBP, X86_REG_BP, X86_REG_BPL, 0},
      {X86_REG_RSI, X86_REG_ESI, X86_REG_SI, X86_REG_SIL, 0},
      {X86_REG_RDI, X86_REG_EDI, X86_REG_DI, X86_REG_DIL, 0},
      {X86_REG_R8, X86_REG_R8D, X86_REG_R8W, X86_REG_R8B, 0},
      {X86_REG_R9, X86_REG_R9D, X86_REG_R9W, X86_REG_R9B, 0},
      {X86_REG_R10, X86_REG_R10D, X86_REG_R10W, X86_REG_R10B, 0},
      {X86_REG_R11, X86_REG_R11D, X86_REG_R11W, X86_REG_R11B, 0},
      {X86_REG_R12, X86_REG_R12D, X86_REG_R12W, X86_REG_R12B, 0},
      {X86_REG_R13, X86_REG_R13D, X86_REG_R13W, X86_REG_R13B, 0},
      {X86_REG_R14, X86_REG_R14D, X86_REG_R14W, X86_REG_R14B, 0},
      {X86_REG_R15, X86_REG_R15D, X86_REG_R15W, X86_REG_R15B, 0}};
  if (reg == 0) return {};
  for (RegisterNumber i = 0; i < 16; ++i)
    if (std::ranges::find(kRegisters[i], reg) != std::end(kRegisters[i])) return i;
  return {};
}

std::optional<RegisterNumber> arm64_number(unsigned reg) {
  if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
    return static_cast<RegisterNumber>(reg - ARM64_REG_X0);
  if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
    return static_cast<RegisterNumber>(reg - ARM64_REG_W0);
  if (reg == ARM64_REG_X29) return RegisterNumber{29};
  if (reg == ARM64_REG_X30) return RegisterNumber{30};
  if (reg == ARM64_REG_SP || reg == ARM64_REG_WSP) return RegisterNumber{31};
  return {};
}

std::uint32_t bit_of(std::optional<RegisterNumber> number) { return number ? 1u << *number : 0; }

bool is_fixed(const x86_op_mem& memory) {
  return (memory.base == X86_REG_INVALID || memory.base == X86_REG_RIP ||
          memory.base == X86_REG_EIP) &&
         (memory.index == X86_REG_INVALID || memory.index == X86_REG_RIZ ||
          memory.index == X86_REG_EIZ);
}

// One x86 or x64 instruction of Capstone's, read.
class X86Reading {
 public:
  X86Reading(const cs_insn& from, csh handle, bool is_64_bit, Disassembled& out)
      : from_(from), x86_(from.detail->x86), handle_(handle), is_64_bit_(is_64_bit), out_(out) {}

  void read() {
    read_flow();
    read_target();
    read_slot();
    read_memory();
    read_leaves();
    read_stored();
    read_written();
    write_mnemonic();
    write_operands();
  }

 private:
  std::uint64_t pointer(std::uint64_t value) const {
    return is_64_bit_ ? value : value & 0xffffffff;
  }
  const cs_x86_op* operand(std::size_t index) const {
    return index < x86_.op_count ? &x86_.operands[index] : nullptr;
  }
  std::uint8_t pointer_size() const { return is_64_bit_ ? 8 : 4; }

  std::optional<std::uint64_t> fixed_address(const x86_op_mem& memory) const {
    if (!is_fixed(memory) || memory.segment == X86_REG_FS || memory.segment == X86_REG_GS)
      return {};
    const bool is_relative = memory.base != X86_REG_INVALID;
    const auto displacement = static_cast<std::uint64_t>(memory.disp);
    return pointer(is_relative ? from_.address + from_.size + displacement : displacement);
  }

  void read_flow() {
    switch (from_.id) {
      case X86_INS_CALL:
      case X86_INS_LCALL:
        out_.flow = Flow::call;
        return;
      case X86_INS_JMP:
      case X86_INS_LJMP:
        out_.flow = Flow::jump;
        return;
      case X86_INS_RET:
      case X86_INS_RETF:
      case X86_INS_RETFQ:
      case X86_INS_IRET:
      case X86_INS_IRETD:
      case X86_INS_IRETQ:
      case X86_INS_SYSRET:
      case X86_INS_SYSEXIT:
        out_.flow = Flow::returns;
        return;
      case X86_INS_UD2:
      case X86_INS_UD2B:
        out_.flow = Flow::stops;
        return;
      case X86_INS_INT:  // int 29h is __fastfail
        if (x86_.op_count == 1 && x86_.operands[0].imm == 0x29) out_.flow = Flow::stops;
        return;
      case X86_INS_LOOP:
      case X86_INS_LOOPE:
      case X86_INS_LOOPNE:
        out_.flow = Flow::conditional;
        return;
      default:
        if (from_.id >= X86_INS_JAE && from_.id <= X86_INS_JS) out_.flow = Flow::conditional;
    }
  }

  void read_target() {
    if (out_.flow != Flow::call && out_.flow != Flow::jump && out_.flow != Flow::conditional)
      return;
    const cs_x86_op* op = operand(0);
    if (!op || from_.id == X86_INS_LCALL || from_.id == X86_INS_LJMP) return;
    if (op->type == X86_OP_IMM) {
      out_.target = pointer(static_cast<std::uint64_t>(op->imm));
    } else if (op->type == X86_OP_REG) {
      out_.target_register = x86_number(op->reg);
    } else if (op->type == X86_OP_MEM) {
      MemoryPlace place;
      place.base = x86_number(op->mem.base);
      place.index = x86_number(op->mem.index);
      place.scale = static_cast<std::uint8_t>(op->mem.scale);
      place.displacement = op->mem.disp;
      place.size = pointer_size();
      if (const auto fixed = fixed_address(op->mem))
        place.displacement = static_cast<std::int64_t>(*fixed);
      if (op->mem.segment != X86_REG_FS && op->mem.segment != X86_REG_GS)
        out_.target_memory = place;
    }
  }

  bool only_computes() const { return from_.id == X86_INS_LEA || from_.id == X86_INS_NOP; }

  void read_slot() {
    for (std::size_t i = 0; i < x86_.op_count && !only_computes(); ++i) {
      if (x86_.operands[i].type != X86_OP_MEM) continue;
      out_.slot = fixed_address(x86_.operands[i].mem);
      if (out_.slot) return;
    }
  }

  // Where no segment is written, the stack's is for what counts from a stack or frame pointer.
  char segment_of(const x86_op_mem& memory) const {
    switch (memory.segment) {
      case X86_REG_CS:
        return 'c';
      case X86_REG_ES:
        return 'e';
      case X86_REG_FS:
        return 'f';
      case X86_REG_GS:
        return 'g';
      case X86_REG_SS:
        return 's';
      default:
        break;
    }
    const auto base = x86_number(memory.base);
    const bool is_stack = base == RegisterNumber{4} || base == RegisterNumber{5};
    return memory.segment == X86_REG_INVALID && is_stack ? 's' : 'd';
  }

  // movs, cmps, stos and scas have one operand at ES:RDI, whose segment none can change.
  bool writes_string() const {
    switch (from_.id) {
      case X86_INS_STOSB:
      case X86_INS_STOSW:
      case X86_INS_STOSD:
      case X86_INS_STOSQ:
      case X86_INS_SCASB:
      case X86_INS_SCASW:
      case X86_INS_SCASD:
      case X86_INS_SCASQ:
        return true;
      default:
        return is_string_instruction();
    }
  }

  void read_memory() {
    std::size_t count = 0;
    for (std::size_t i = 0; i < x86_.op_count && count < out_.memory.size(); ++i) {
      const cs_x86_op& op = x86_.operands[i];
      if (op.type != X86_OP_MEM) continue;
      MemoryOperand found;
      found.place.base = x86_number(op.mem.base);
      found.place.index = x86_number(op.mem.index);
      found.place.scale = static_cast<std::uint8_t>(op.mem.scale);
      found.place.displacement = op.mem.disp;
      found.place.size = op.size;
      found.segment = segment_of(op.mem);
      found.bits = x86_.addr_size == 2 ? 16 : is_64_bit_ && x86_.addr_size == 8 ? 64 : 32;
      found.is_only_address = only_computes();
      if (const auto fixed = fixed_address(op.mem))
        found.place.displacement = static_cast<std::int64_t>(*fixed);
      if (writes_string() && found.place.base == RegisterNumber{7}) found.segment = 'e';
      // Its stack pointer is that behind the pop.
      if (from_.id == X86_INS_POP && found.place.base == RegisterNumber{4})
        found.place.displacement += op.size;
      // Vector registers as an index have many addresses.
      const bool is_vector = !is_fixed(op.mem) && !found.place.index && op.mem.index != 0 &&
                             op.mem.index != X86_REG_RIZ && op.mem.index != X86_REG_EIZ;
      if (!is_vector) out_.memory[count++] = found;
    }
  }

  void read_leaves() {
    const cs_x86_op* to = operand(0);
    const cs_x86_op* what = operand(1);
    const bool moves = from_.id == X86_INS_MOV || from_.id == X86_INS_MOVABS;
    if (!to || !what || to->type != X86_OP_REG || to->size != pointer_size()) return;
    const auto destination = x86_number(to->reg);
    if (!destination || (!moves && from_.id != X86_INS_LEA)) return;
    Leaves leaves;
    leaves.destination = *destination;
    if (what->type == X86_OP_IMM) {
      leaves.value = pointer(static_cast<std::uint64_t>(what->imm));
    } else if (what->type == X86_OP_REG && moves && what->size == pointer_size()) {
      const auto source = x86_number(what->reg);
      if (!source) return;
      leaves.kind = Leaves::copied;
      leaves.base = *source;
    } else if (what->type != X86_OP_MEM) {
      return;
    } else if (const auto fixed = fixed_address(what->mem)) {
      leaves.kind = moves ? Leaves::loaded : Leaves::constant;
      leaves.value = *fixed;
    } else {
      const auto base = x86_number(what->mem.base);
      if (!base || what->mem.index != X86_REG_INVALID || what->mem.segment != X86_REG_INVALID)
        return;
      leaves.kind = moves ? Leaves::loaded_at : Leaves::sum;
      leaves.base = *base;
      leaves.value = static_cast<std::uint64_t>(what->mem.disp);
    }
    out_.leaves = leaves;
  }

  void read_stored() {
    const cs_x86_op* to = operand(0);
    const cs_x86_op* what = operand(1);
    if (from_.id != X86_INS_MOV || !to || !what || to->type != X86_OP_MEM) return;
    if (what->type == X86_OP_REG && what->size == pointer_size())
      out_.stored = x86_number(what->reg);
  }

  void read_written() {
    for (std::size_t i = 0; i < x86_.op_count; ++i) {
      const cs_x86_op& op = x86_.operands[i];
      if (op.type == X86_OP_REG && op.access != CS_AC_READ)
        out_.written |= bit_of(x86_number(op.reg));
    }
    for (std::size_t i = 0; i < from_.detail->regs_write_count; ++i)
      out_.written |= bit_of(x86_number(from_.detail->regs_write[i]));
  }

  bool is_string_instruction() const {
    return x86_.op_count == 2 && x86_.operands[0].type == X86_OP_MEM &&
           x86_.operands[1].type == X86_OP_MEM;
  }

  void write_mnemonic() {
    std::string name = from_.mnemonic;
    if (from_.id == X86_INS_MOVABS) name = "mov";
    if (from_.id == X86_INS_INT3) {
      name = "int";
      out_.operands = "3";
    }
    // The operands tell the size.
    static constexpr std::string_view kStrings[] = {"movs", "cmps", "stos", "lods", "scas"};
    const std::size_t word = name.rfind(' ') == std::string::npos ? 0 : name.rfind(' ') + 1;
    const bool is_short = name.size() - word == 5;
    for (const std::string_view each : kStrings) {
      if (!is_short || name.compare(word, 4, each) != 0) continue;
      const bool is_one =
          each[0] == 'm' || each[0] == 'c' ? is_string_instruction() : x86_.op_count == 2;
      if (is_one && name.back() != 's') name.pop_back();
    }
    out_.mnemonic = std::move(name);
  }

  void write_operands() {
    if (!out_.operands.empty()) return;
    const std::string_view text = from_.op_str;
    std::size_t memory = 0, immediate = 0;
    for (std::size_t i = 0; i < text.size();) {
      const char c = text[i];
      const bool begins = i == 0 || (!std::isalnum(static_cast<unsigned char>(text[i - 1])) &&
                                     text[i - 1] != '(' && text[i - 1] != '{');
      if (c == '[') {
        const std::size_t end = text.find(']', i);
        write_memory(nth(X86_OP_MEM, memory++), text.substr(i, end - i + 1));
        i = end == std::string_view::npos ? text.size() : end + 1;
      } else if (begins && (std::isdigit(static_cast<unsigned char>(c)) || c == '-')) {
        const TextNumber number = number_at(text.substr(i));
        if (number.size == 0) {
          out_.operands += text[i++];
          continue;
        }
        write_immediate(nth(X86_OP_IMM, immediate++), number.value);
        i += number.size;
      } else {
        if (c != ' ' || i == 0 || text[i - 1] != ',') out_.operands += c;
        ++i;
      }
    }
  }

  const cs_x86_op* nth(x86_op_type type, std::size_t index) const {
    for (std::size_t i = 0; i < x86_.op_count; ++i)
      if (x86_.operands[i].type == type && index-- == 0) return &x86_.operands[i];
    return nullptr;
  }

  void write_address(AddressText::Kind kind, std::uint64_t address) {
    const std::string text = base::address_text(address, is_64_bit_);
    out_.addresses.push_back({kind, address, static_cast<std::uint32_t>(out_.operands.size()),
                              static_cast<std::uint32_t>(text.size())});
    out_.operands += text;
  }

  void write_immediate(const cs_x86_op* op, std::uint64_t value) {
    if (op && op->size < 8 && op->size > 0) value &= (std::uint64_t{1} << (op->size * 8)) - 1;
    if (out_.target && op && op == &x86_.operands[0]) {
      write_address(AddressText::target, *out_.target);
    } else if (op && op->size == pointer_size() && value >= 0x10000) {
      const std::string text = masm_number(value);
      out_.addresses.push_back({AddressText::computed, value,
                                static_cast<std::uint32_t>(out_.operands.size()),
                                static_cast<std::uint32_t>(text.size())});
      out_.operands += text;
    } else {
      out_.operands += masm_number(value);
    }
  }

  std::string name_of_register(unsigned reg) const {
    const char* name = cs_reg_name(handle_, reg);
    return name ? name : "?";
  }

  void write_memory(const cs_x86_op* op, std::string_view text) {
    if (!op) {
      out_.operands += text;
      return;
    }
    out_.operands += '[';
    if (const auto fixed = fixed_address(op->mem)) {
      write_address(only_computes() ? AddressText::computed : AddressText::memory, *fixed);
    } else if (is_fixed(op->mem)) {
      const std::uint64_t offset = pointer(static_cast<std::uint64_t>(op->mem.disp));
      const bool is_long = x86_.opcode[1] == 0 && x86_.opcode[0] >= 0xa0 && x86_.opcode[0] <= 0xa3;
      out_.operands +=
          is_long ? fmt::format("{:0{}X}h", offset, pointer_size() * 2) : masm_number(offset);
    } else {
      write_sum(op->mem);
    }
    out_.operands += ']';
  }

  void write_sum(const x86_op_mem& memory) {
    std::string& text = out_.operands;
    if (memory.base != X86_REG_INVALID) text += name_of_register(memory.base);
    const bool has_index = memory.index != X86_REG_INVALID && memory.index != X86_REG_RIZ &&
                           memory.index != X86_REG_EIZ;
    if (has_index) {
      if (memory.base != X86_REG_INVALID) text += '+';
      text += name_of_register(memory.index);
      if (memory.scale != 1) text += fmt::format("*{}", memory.scale);
    }
    if (memory.disp == 0) return;
    // A displacement of 32 bits that large is a table's address.
    constexpr std::int64_t kFar = 0x10000000;
    const bool is_address = !is_64_bit_ && (memory.disp >= kFar || memory.disp <= -kFar);
    if (memory.disp < 0 && !is_address) {
      text += '-' + masm_number(0 - static_cast<std::uint64_t>(memory.disp));
    } else {
      text += '+';
      const std::uint64_t value = pointer(static_cast<std::uint64_t>(memory.disp));
      const std::string number = masm_number(value);
      if (is_address)
        out_.addresses.push_back({AddressText::computed, value,
                                  static_cast<std::uint32_t>(text.size()),
                                  static_cast<std::uint32_t>(number.size())});
      text += number;
    }
  }

  const cs_insn& from_;
  const cs_x86& x86_;
  csh handle_;
  bool is_64_bit_;
  Disassembled& out_;
};

// One ARM64 instruction of Capstone's, read.
class Arm64Reading {
 public:
  Arm64Reading(const cs_insn& from, Disassembled& out)
      : from_(from), arm64_(from.detail->arm64), out_(out) {}

  void read() {
    read_flow();
    read_leaves();
    read_stored();
    read_memory();
    read_written();
    write_mnemonic();
    write_operands();
  }

 private:
  const cs_arm64_op* operand(std::size_t index) const {
    return index < arm64_.op_count ? &arm64_.operands[index] : nullptr;
  }
  std::optional<std::uint64_t> last_immediate() const {
    const cs_arm64_op* op = arm64_.op_count ? &arm64_.operands[arm64_.op_count - 1] : nullptr;
    return op && op->type == ARM64_OP_IMM ? std::optional(static_cast<std::uint64_t>(op->imm))
                                          : std::nullopt;
  }

  void read_flow() {
    switch (from_.id) {
      case ARM64_INS_BL:
        out_.flow = Flow::call;
        out_.target = last_immediate();
        break;
      case ARM64_INS_B:
        out_.flow =
            arm64_.cc != ARM64_CC_INVALID && arm64_.cc != ARM64_CC_AL && arm64_.cc != ARM64_CC_NV
                ? Flow::conditional
                : Flow::jump;
        out_.target = last_immediate();
        break;
      case ARM64_INS_CBZ:
      case ARM64_INS_CBNZ:
      case ARM64_INS_TBZ:
      case ARM64_INS_TBNZ:
        out_.flow = Flow::conditional;
        out_.target = last_immediate();
        break;
      case ARM64_INS_BLR:
      case ARM64_INS_BR:
        out_.flow = from_.id == ARM64_INS_BLR ? Flow::call : Flow::jump;
        if (operand(0)) out_.target_register = arm64_number(operand(0)->reg);
        break;
      case ARM64_INS_RET:
      case ARM64_INS_ERET:
        out_.flow = Flow::returns;
        break;
      case ARM64_INS_BRK:  // 0xF003 is __fastfail
        if (last_immediate() == 0xf003) out_.flow = Flow::stops;
        break;
      default:
        break;
    }
  }

  void read_leaves() {
    const cs_arm64_op* to = operand(0);
    const auto destination = to && to->type == ARM64_OP_REG ? arm64_number(to->reg) : std::nullopt;
    if (!destination || (to->reg >= ARM64_REG_W0 && to->reg <= ARM64_REG_W30)) return;
    Leaves leaves;
    leaves.destination = *destination;
    const cs_arm64_op* what = operand(1);
    if (!what) return;
    if (from_.id == ARM64_INS_ADRP || from_.id == ARM64_INS_ADR) {
      leaves.value = static_cast<std::uint64_t>(what->imm);
    } else if (from_.id == ARM64_INS_ADD && arm64_.op_count == 3 && what->type == ARM64_OP_REG &&
               arm64_.operands[2].type == ARM64_OP_IMM) {
      const auto base = arm64_number(what->reg);
      if (!base) return;
      const cs_arm64_op& amount = arm64_.operands[2];
      const unsigned shift = amount.shift.type == ARM64_SFT_LSL ? amount.shift.value & 63 : 0;
      leaves.kind = Leaves::sum;
      leaves.base = *base;
      leaves.value = static_cast<std::uint64_t>(amount.imm) << shift;
    } else if (from_.id == ARM64_INS_MOV && arm64_.op_count == 2 && what->type == ARM64_OP_REG) {
      const auto source = arm64_number(what->reg);
      if (!source) return;
      leaves.kind = Leaves::copied;
      leaves.base = *source;
    } else if (from_.id == ARM64_INS_LDR && what->type == ARM64_OP_IMM) {
      leaves.kind = Leaves::loaded;
      leaves.value = static_cast<std::uint64_t>(what->imm);
      out_.slot = leaves.value;
    } else if ((from_.id == ARM64_INS_LDR || from_.id == ARM64_INS_LDUR) &&
               what->type == ARM64_OP_MEM && what->mem.index == ARM64_REG_INVALID &&
               !arm64_.writeback && arm64_.op_count == 2) {
      const auto base = arm64_number(what->mem.base);
      if (!base) return;
      leaves.kind = Leaves::loaded_at;
      leaves.base = *base;
      leaves.value = static_cast<std::uint64_t>(std::int64_t{what->mem.disp});
    } else {
      return;
    }
    out_.leaves = leaves;
  }

  void read_stored() {
    const cs_arm64_op* what = operand(0);
    const cs_arm64_op* to = operand(1);
    const bool stores = from_.id == ARM64_INS_STR || from_.id == ARM64_INS_STUR;
    if (!stores || !what || !to || to->type != ARM64_OP_MEM || arm64_.writeback) return;
    if (what->type == ARM64_OP_REG && !(what->reg >= ARM64_REG_W0 && what->reg <= ARM64_REG_W30))
      out_.stored = arm64_number(what->reg);
  }

  void read_written() {
    for (std::size_t i = 0; i < arm64_.op_count; ++i) {
      const cs_arm64_op& op = arm64_.operands[i];
      if (op.type == ARM64_OP_REG && op.access != CS_AC_READ)
        out_.written |= bit_of(arm64_number(op.reg));
      if (op.type == ARM64_OP_MEM && arm64_.writeback)
        out_.written |= bit_of(arm64_number(op.mem.base));
    }
    for (std::size_t i = 0; i < from_.detail->regs_write_count; ++i)
      out_.written |= bit_of(arm64_number(from_.detail->regs_write[i]));
  }

  // Bytes of a register by its kind.
  static std::uint8_t bytes_of(unsigned reg) {
    if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30) return 4;
    if (reg == ARM64_REG_WZR) return 4;
    if (reg >= ARM64_REG_B0 && reg <= ARM64_REG_B31) return 1;
    if (reg >= ARM64_REG_H0 && reg <= ARM64_REG_H31) return 2;
    if (reg >= ARM64_REG_S0 && reg <= ARM64_REG_S31) return 4;
    if (reg >= ARM64_REG_D0 && reg <= ARM64_REG_D31) return 8;
    if (reg >= ARM64_REG_Q0 && reg <= ARM64_REG_Q31) return 16;
    return 8;
  }

  // ldrb, sturh, ldrsw, ldp: what the mnemonic says goes before the register's size. `memory`: the
  // operand's place among them.
  std::uint8_t accessed_bytes(std::size_t memory) const {
    const std::string_view name = from_.mnemonic;
    if (name.starts_with("prf")) return 0;
    if (name.ends_with("sw")) return 4;
    if (name.ends_with('b')) return 1;
    if (name.ends_with('h')) return 2;
    const cs_arm64_op* last = memory > 0 ? operand(memory - 1) : nullptr;
    return last && last->type == ARM64_OP_REG ? bytes_of(last->reg) : std::uint8_t{0};
  }

  void read_memory() {
    for (std::size_t i = 0; i < arm64_.op_count; ++i) {
      const cs_arm64_op& op = arm64_.operands[i];
      if (op.type != ARM64_OP_MEM) continue;
      MemoryOperand found;
      found.place.base = arm64_number(op.mem.base);
      found.place.index = arm64_number(op.mem.index);
      found.place.displacement = op.mem.disp;
      found.place.size = accessed_bytes(i);
      const bool is_shifted = op.shift.type == ARM64_SFT_LSL && op.shift.value < 8;
      if (is_shifted) found.place.scale = static_cast<std::uint8_t>(1u << op.shift.value);
      found.index_is_word = op.ext == ARM64_EXT_UXTW || op.ext == ARM64_EXT_SXTW;
      found.index_is_signed = op.ext == ARM64_EXT_SXTW;
      if (found.place.base) out_.memory[0] = found;
      return;
    }
    if (!out_.slot) return;
    MemoryOperand literal;
    literal.place.displacement = static_cast<std::int64_t>(*out_.slot);
    literal.place.size = accessed_bytes(1);
    out_.memory[0] = literal;
  }

  bool names_address() const {
    return out_.target || from_.id == ARM64_INS_ADR || from_.id == ARM64_INS_ADRP ||
           (out_.slot && last_immediate());
  }

  void write_mnemonic() {
    out_.mnemonic = from_.mnemonic;
    if (out_.mnemonic.starts_with("b.")) out_.mnemonic.erase(1, 1);  // as WinDbg has it
  }

  // movz and movn are mov of what they leave.
  bool write_move() {
    if ((from_.id != ARM64_INS_MOVZ && from_.id != ARM64_INS_MOVN) || arm64_.op_count != 2)
      return false;
    const cs_arm64_op& amount = arm64_.operands[1];
    if (amount.type != ARM64_OP_IMM) return false;
    const bool is_narrow =
        arm64_.operands[0].reg >= ARM64_REG_W0 && arm64_.operands[0].reg <= ARM64_REG_W30;
    const unsigned shift = amount.shift.type == ARM64_SFT_LSL ? amount.shift.value & 63 : 0;
    std::uint64_t value = static_cast<std::uint64_t>(amount.imm) << shift;
    if (from_.id == ARM64_INS_MOVN) value = ~value;
    if (is_narrow) value &= 0xffffffff;
    out_.mnemonic = "mov";
    const std::string_view text = from_.op_str;
    out_.operands = arm64_word(text.substr(0, text.find(',')));
    out_.operands += ",#" + c_number(value);
    return true;
  }

  void write_operands() {
    if (write_move()) return;
    std::string_view text = from_.op_str;
    const std::size_t last = names_address() ? text.rfind('#') : std::string_view::npos;
    out_.operands = arm64_text(text.substr(0, last));
    if (last == std::string_view::npos) return;
    const std::uint64_t address = *last_immediate();
    const std::string written = base::address_text(address, true);
    const auto kind = out_.target ? AddressText::target
                      : out_.slot ? AddressText::memory
                                  : AddressText::computed;
    out_.addresses.push_back({kind, address, static_cast<std::uint32_t>(out_.operands.size()),
                              static_cast<std::uint32_t>(written.size())});
    out_.operands += written;
  }

  const cs_insn& from_;
  const cs_arm64& arm64_;
  Disassembled& out_;
};

bool read_pointer_auth(std::uint32_t word, Disassembled& out) {
  auto found = pointer_auth(word);
  if (!found) return false;
  out.mnemonic = std::move(found->mnemonic);
  out.operands = std::move(found->operands);
  out.written = bit_of(found->written);
  out.is_known = true;
  if (found->kind == PointerAuth::returns) out.flow = Flow::returns;
  if (found->kind == PointerAuth::call) out.flow = Flow::call;
  if (found->kind == PointerAuth::jump) out.flow = Flow::jump;
  if (found->kind != PointerAuth::other) out.target_register = found->target;
  return true;
}

// What Capstone 4 does not know.
bool read_newer(std::uint32_t word, Disassembled& out) {
  if (read_pointer_auth(word, out)) return true;
  if ((word & 0xffff0000) == 0) {
    out.mnemonic = "udf";
    out.operands = "#" + c_number(word);
    out.flow = Flow::stops;
  } else if (auto found = atomic(word)) {
    out.mnemonic = std::move(found->mnemonic);
    out.operands = std::move(found->operands);
    out.written = found->written;
  } else {
    return false;
  }
  out.is_known = true;
  return true;
}

// Capstone writes into what it asked for without a look at whether it got it.
bool use_memory_that_is_there() {
  cs_opt_mem memory{base::malloc_or_end, base::calloc_or_end, base::realloc_or_end, std::free,
                    std::vsnprintf};
  return cs_option(0, CS_OPT_MEM, reinterpret_cast<std::size_t>(&memory)) == CS_ERR_OK;
}

}  // namespace

bool can_disassemble() { return true; }

struct Disassembler::State {
  csh handle = 0;
  cs_insn* instruction = nullptr;
  ~State() {
    if (instruction) cs_free(instruction, 1);
    if (handle) cs_close(&handle);
  }
};

Disassembler::Disassembler(Architecture architecture)
    : architecture_(architecture), state_(std::make_unique<State>()) {
  [[maybe_unused]] static const bool once = use_memory_that_is_there();
  const bool is_arm64 = architecture == Architecture::arm64;
  const cs_mode mode = is_arm64                            ? CS_MODE_LITTLE_ENDIAN
                       : architecture == Architecture::x86 ? CS_MODE_32
                                                           : CS_MODE_64;
  if (architecture == Architecture::unknown ||
      cs_open(is_arm64 ? CS_ARCH_ARM64 : CS_ARCH_X86, mode, &state_->handle) != CS_ERR_OK) {
    state_->handle = 0;
    return;
  }
  cs_option(state_->handle, CS_OPT_DETAIL, CS_OPT_ON);
  cs_option(state_->handle, CS_OPT_UNSIGNED, CS_OPT_ON);
  state_->instruction = cs_malloc(state_->handle);
}

Disassembler::~Disassembler() = default;
Disassembler::Disassembler(Disassembler&&) noexcept = default;
Disassembler& Disassembler::operator=(Disassembler&&) noexcept = default;

Disassembled Disassembler::at(base::Bytes code, std::uint64_t address) const {
  Disassembled out;
  out.address = address;
  const bool is_arm64 = architecture_ == Architecture::arm64;
  if (is_arm64 && code.size() >= 4) {
    out.length = 4;
    if (read_newer(code.get_or<std::uint32_t>(0, 0), out)) return out;
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
  std::size_t size = std::min<std::size_t>(code.size(), is_arm64 ? 4 : kLongestInstruction);
  std::uint64_t at = address;
  if (!state_->instruction || (is_arm64 && size < 4) ||
      !cs_disasm_iter(state_->handle, &bytes, &size, &at, state_->instruction)) {
    make_unknown(code, architecture_, out);
    return out;
  }
  out.length = static_cast<std::uint8_t>(state_->instruction->size);
  out.is_known = true;
  if (is_arm64) {
    Arm64Reading(*state_->instruction, out).read();
  } else {
    X86Reading(*state_->instruction, state_->handle, architecture_ == Architecture::x64, out)
        .read();
  }
  return out;
}

}  // namespace ntstack::code
