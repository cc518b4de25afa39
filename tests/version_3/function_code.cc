#include "version_3/function_code.h"

#include <algorithm>
#include <stdexcept>

namespace ntstack::tests {
namespace {

// Capstone's registers by their numbers in instructions.
int number_of(x86_reg reg) {
  static constexpr x86_reg all[] = {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX,
                                    X86_REG_RSP, X86_REG_RBP, X86_REG_RSI, X86_REG_RDI,
                                    X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
                                    X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15};
  const auto found = std::ranges::find(all, reg);
  return found == std::end(all) ? -1 : static_cast<int>(found - std::begin(all));
}

// Goes through an epilogue's instructions with the operations that they give back.
template <class Code>
class Matcher {
 public:
  Matcher(const Code& code, std::size_t first) : code_(code), first_(first), at_(first) {}

  // The operations with their offsets, where [first, exit) gives back just these.
  std::optional<std::vector<Operation>> match(const std::vector<Operation>& operations,
                                              std::size_t exit) {
    exit_ = exit;
    for (const Operation& operation : operations) {
      if (!give_back(operation)) return {};
    }
    if (!end_release() || at_ != exit_) return {};
    return std::move(matched_);
  }

 private:
  bool give_back(const Operation& operation) {
    switch (operation.does) {
      case Does::push:
        if (!end_release() || at_ >= exit_ || code_[at_].pops != operation.number) return false;
        put(operation, at_++);
        return true;
      case Does::alloc:
        return begin_release() && release(operation);
      case Does::set_frame:
        if (at_ < exit_ && code_[at_].from == operation.number) {
          put(operation, at_);
          return begin_release();
        }
        // RSP was set from the frame register earlier, or needs no mending.
        if (set_at_) put(operation, *set_at_);
        return true;
      default:
        return false;
    }
  }

  bool release(const Operation& operation) {
    put(operation, at_);
    freed_ += operation.amount;
    return code_[at_].from >= 0 || freed_ <= code_[at_].frees;
  }

  // One instruction may give back several allocations, and set RSP from the frame register.
  bool begin_release() {
    if (open_ && code_[at_].from < 0 && freed_ == code_[at_].frees) end_release();
    if (at_ >= exit_ || (code_[at_].from < 0 && code_[at_].frees == 0)) return false;
    open_ = true;
    if (code_[at_].from >= 0) set_at_ = at_;
    return true;
  }

  bool end_release() {
    if (!open_) return true;
    const bool complete = code_[at_].from >= 0 || freed_ == code_[at_].frees;
    open_ = false, freed_ = 0, ++at_;
    return complete;
  }

  void put(Operation operation, std::size_t at) {
    operation.ip_offset = code_[at].rva - code_[first_].rva;
    matched_.push_back(operation);
  }

  const Code& code_;
  std::size_t first_, at_, exit_ = 0;
  bool open_ = false;        // code_[at_] is a release
  std::uint32_t freed_ = 0;  // by it, so far
  std::optional<std::size_t> set_at_;
  std::vector<Operation> matched_;
};

}  // namespace

FunctionCode::FunctionCode(const pe::Image& image) : image_(image) {
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &engine_) != CS_ERR_OK) throw std::runtime_error("cs_open");
  cs_option(engine_, CS_OPT_DETAIL, CS_OPT_ON);
  cs_option(engine_, CS_OPT_SKIPDATA, CS_OPT_ON);
}

FunctionCode::~FunctionCode() { cs_close(&engine_); }

FunctionCode::Instruction FunctionCode::read(const cs_insn& decoded) const {
  Instruction found;
  found.rva = static_cast<std::uint32_t>(decoded.address);
  found.end = found.rva + decoded.size;
  if (decoded.id == 0) return found;  // data
  const cs_x86& x86 = decoded.detail->x86;
  const cs_x86_op* operands = x86.operands;
  const bool into_rsp =
      x86.op_count == 2 && operands[0].type == X86_OP_REG && operands[0].reg == X86_REG_RSP;
  found.exits = decoded.id == X86_INS_RET || decoded.id == X86_INS_JMP;
  if (decoded.id == X86_INS_POP && operands[0].type == X86_OP_REG) {
    found.pops = number_of(operands[0].reg);
    found.frees = 8;
  } else if (decoded.id == X86_INS_ADD && into_rsp && operands[1].type == X86_OP_IMM) {
    found.frees = static_cast<std::uint32_t>(operands[1].imm);
  } else if (decoded.id == X86_INS_LEA && into_rsp && operands[1].mem.index == X86_REG_INVALID) {
    found.from = number_of(operands[1].mem.base);
  } else if (decoded.id == X86_INS_MOV && into_rsp && operands[1].type == X86_OP_REG) {
    found.from = number_of(operands[1].reg);
  }
  return found;
}

const std::vector<FunctionCode::Instruction>& FunctionCode::instructions(
    const pe::x64::RuntimeFunction& function) {
  if (begin_ == function.begin && !instructions_.empty()) return instructions_;
  begin_ = function.begin;
  instructions_.clear();
  std::vector<std::uint8_t> bytes(function.end - function.begin);
  image_.read(function.begin, std::as_writable_bytes(std::span(bytes)));
  cs_insn* decoded = cs_malloc(engine_);
  const std::uint8_t* code = bytes.data();
  std::size_t size = bytes.size();
  std::uint64_t address = function.begin;
  while (cs_disasm_iter(engine_, &code, &size, &address, decoded))
    instructions_.push_back(read(*decoded));
  cs_free(decoded, 1);
  return instructions_;
}

std::uint32_t FunctionCode::start_of_instruction_before(const pe::x64::RuntimeFunction& function,
                                                        std::uint32_t offset) {
  if (offset == 0) return 0;
  const auto& code = instructions(function);
  const auto found = std::ranges::find(code, function.begin + offset, &Instruction::end);
  return found == code.end() ? offset - 1 : found->rva - function.begin;
}

// Of an instruction of the function that was looked at last.
std::uint32_t FunctionCode::end_of_instruction(std::uint32_t rva) {
  const auto found = std::ranges::find(instructions_, rva, &Instruction::rva);
  return found == instructions_.end() ? rva + 1 : found->end;
}

std::optional<EncodedEpilog> FunctionCode::epilog_that_ends_at(
    const std::vector<Instruction>& code, std::size_t exit, std::uint32_t begin,
    const std::vector<Operation>& whole) const {
  std::size_t first = exit;
  while (first > 0 && (code[first - 1].frees != 0 || code[first - 1].from >= 0)) --first;
  std::vector<Operation> rest;  // what is not restored before
  for (const Operation& operation : whole) {
    if (operation.does != Does::save && operation.does != Does::save_xmm) rest.push_back(operation);
  }
  // The release may lie elsewhere, in front of a jump to the pops.
  while (!rest.empty()) {
    for (std::size_t at = first; at < exit; ++at) {
      if (auto matched = Matcher(code, at).match(rest, exit); matched && !matched->empty()) {
        return EncodedEpilog{code[at].rva - begin, code[exit].rva - code[at].rva,
                             std::move(*matched)};
      }
    }
    if (rest.front().does == Does::push) break;
    rest.erase(rest.begin());
  }
  return {};
}

std::vector<EncodedEpilog> FunctionCode::epilogs(const pe::x64::RuntimeFunction& function,
                                                 const std::vector<Operation>& whole) {
  const auto& code = instructions(function);
  std::vector<EncodedEpilog> found;
  for (std::size_t i = 0; i < code.size(); ++i) {
    if (!code[i].exits) continue;
    if (auto epilog = epilog_that_ends_at(code, i, function.begin, whole))
      found.push_back(std::move(*epilog));
  }
  return found;
}

}  // namespace ntstack::tests
