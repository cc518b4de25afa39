#include "code/x64_epilogue.h"

#include "code/instruction.h"

namespace ntstack::code {
namespace {

constexpr std::uint8_t kRsp = 4;

// `add rsp, n` or `lea rsp, [frame register + n]`.
bool is_release(const Instruction& instruction, std::uint8_t frame_register) {
  if ((instruction.rex & 8) == 0 || !instruction.has_modrm) return false;
  const bool rex_b = (instruction.rex & 1) != 0;
  if (instruction.is(Map::one_byte, 0x81) || instruction.is(Map::one_byte, 0x83)) {
    return instruction.mod() == 3 && instruction.reg() == 0 && instruction.rm() == kRsp && !rex_b;
  }
  if (!instruction.is(Map::one_byte, 0x8d) || instruction.mod() == 3) return false;
  if (instruction.reg() != kRsp || (instruction.rex & 6) != 0) return false;
  if (frame_register == 0) return false;
  if (instruction.mod() == 0 && instruction.rm() == 5) return false;  // RIP-relative
  std::uint8_t base = instruction.rm();
  if (instruction.has_sib) {
    if ((instruction.sib & 0x38) != 0x20) return false;  // an index register
    base = instruction.sib & 7;
    if (instruction.mod() == 0 && base == 5) return false;  // no base
  }
  return (base | (rex_b ? 8 : 0)) == frame_register;
}

void set_release(const Instruction& instruction, std::uint8_t frame_register, Epilogue& epilogue) {
  if (instruction.opcode == 0x8d) {
    epilogue.base = frame_register;
    epilogue.adjust = instruction.displacement;
  } else {
    epilogue.adjust = instruction.immediate;
  }
}

// Does the epilogue leave by this instruction, `offset` bytes after its start?
bool is_exit(const Instruction& instruction, std::size_t offset, bool released,
             Epilogue& epilogue) {
  if (instruction.map != Map::one_byte || instruction.vex) return false;
  switch (instruction.opcode) {
    case 0xc2:
      epilogue.argument_bytes = static_cast<std::uint16_t>(instruction.immediate);
      return true;
    case 0xc3:
      return true;
    case 0xe9:
    case 0xeb:
      epilogue.jump =
          static_cast<std::int64_t>(offset) + instruction.length + instruction.immediate;
      epilogue.bare_jump = !released;
      return true;
    case 0xff:
      break;
    default:
      return false;
  }
  if (instruction.reg() != 4) return false;
  // Compilers mark a tail call through a register or memory with REX.W; without it, it can be a
  // switch's jump. One through [rip + n] is no switch.
  const bool rip_relative = instruction.mod() == 0 && instruction.rm() == 5;
  return (instruction.rex & 8) != 0 || rip_relative || released;
}

}  // namespace

std::optional<Epilogue> epilogue_at(base::Bytes code, std::uint8_t frame_register) {
  Epilogue epilogue;
  bool released = false;
  std::size_t offset = 0;
  // A release, sixteen pops and the exit; what is longer is no epilogue.
  for (int count = 0; count < 18; ++count) {
    const auto instruction = decode(code.clamp(offset), Mode::x64);
    if (!instruction || instruction->operand_size_prefix) return {};
    if (count == 0 && is_release(*instruction, frame_register)) {
      set_release(*instruction, frame_register, epilogue);
    } else if (!instruction->vex && instruction->map == Map::one_byte &&
               (instruction->opcode & 0xf8) == 0x58) {
      if (epilogue.pop_count == epilogue.pops.size()) return {};
      const auto popped =
          static_cast<std::uint8_t>((instruction->opcode & 7) | ((instruction->rex & 1) << 3));
      if (popped == kRsp) return {};
      epilogue.pops[epilogue.pop_count++] = popped;
    } else {
      if (!is_exit(*instruction, offset, released, epilogue)) return {};
      return epilogue;
    }
    released = true;
    offset += instruction->length;
  }
  return {};
}

bool released_before(base::Bytes before) {
  const auto from_end = [&](std::size_t back) {
    return back <= before.size() ? before.get_or<std::uint8_t>(before.size() - back, 0)
                                 : std::uint8_t{0};
  };
  const auto is_lea_rsp = [&](std::size_t back, std::uint8_t mod) {
    return (from_end(back) & 0xfe) == 0x48 && from_end(back - 1) == 0x8d &&
           (from_end(back - 2) & 0xf8) == (mod | 0x20);
  };
  if ((from_end(1) & 0xf8) == 0x58 || from_end(1) == 0xc9) return true;
  if (from_end(4) == 0x48 && from_end(3) == 0x83 && from_end(2) == 0xc4) return true;
  if (from_end(7) == 0x48 && from_end(6) == 0x81 && from_end(5) == 0xc4) return true;
  if (is_lea_rsp(4, 0x40) || is_lea_rsp(5, 0x40)) return true;  // 8-bit; with SIB
  if (is_lea_rsp(7, 0x80) || is_lea_rsp(8, 0x80)) return true;  // 32-bit; with SIB
  if (is_lea_rsp(3, 0x00)) return true;
  return (from_end(3) & 0xfe) == 0x48 &&
         ((from_end(2) == 0x8b && (from_end(1) & 0xf8) == 0xe0) ||  // mov rsp, r
          (from_end(2) == 0x89 && (from_end(1) & 0xc7) == 0xc4));
}

}  // namespace ntstack::code
