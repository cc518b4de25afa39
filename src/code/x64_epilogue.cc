#include "code/x64_epilogue.h"

#include "code/instruction.h"

namespace ntstack::code {
namespace {

constexpr std::uint8_t kRsp = 4;

struct Release {
  std::int64_t adjust = 0;
  std::optional<std::uint8_t> base;
};

// `add rsp, n`; `sub rsp, -n`, which GCC prefers for 128 and Microsoft's rules do not have.
std::optional<Release> release_by_amount(const Instruction& instruction) {
  if (!instruction.is(Map::one_byte, 0x81) && !instruction.is(Map::one_byte, 0x83)) return {};
  if (instruction.mod() != 3 || instruction.rm() != kRsp || (instruction.rex & 9) != 8) return {};
  if (instruction.reg() == 0) return Release{instruction.immediate, {}};
  if (instruction.reg() == 5 && instruction.immediate < 0)
    return Release{-instruction.immediate, {}};
  return {};
}

// `lea rsp, [base + n]`.
std::optional<Release> release_to_base(const Instruction& instruction) {
  if (!instruction.is(Map::one_byte, 0x8d) || (instruction.rex & 0x0e) != 8) return {};
  if (instruction.mod() == 3 || instruction.reg() != kRsp) return {};
  std::uint8_t base = instruction.rm();
  if (instruction.has_sib) {
    if ((instruction.sib & 0x38) != 0x20) return {};  // an index register
    base = instruction.sib & 7;
  }
  if (instruction.mod() == 0 && base == 5) return {};  // RIP-relative, or no base
  base |= static_cast<std::uint8_t>((instruction.rex & 1) << 3);
  if (base == kRsp) return {};
  return Release{instruction.displacement, base};
}

std::optional<Release> release_of(const Instruction& instruction) {
  if (const auto by_amount = release_by_amount(instruction)) return by_amount;
  return release_to_base(instruction);
}

// The register that a 64-bit pop restores.
std::optional<std::uint8_t> popped_by(const Instruction& instruction) {
  if (instruction.vex || instruction.map != Map::one_byte) return {};
  if ((instruction.opcode & 0xf8) != 0x58) return {};
  return static_cast<std::uint8_t>((instruction.opcode & 7) | ((instruction.rex & 1) << 3));
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
  epilogue.bare_jump = (instruction.rex & 8) == 0 && !rip_relative && !released;
  return true;
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
    const auto release = release_of(*instruction);
    if (count == 0 && release && release->base.value_or(frame_register) == frame_register) {
      epilogue.adjust = release->adjust;
      epilogue.base = release->base;
    } else if (const auto popped = popped_by(*instruction)) {
      if (epilogue.pop_count == epilogue.pops.size() || popped == kRsp) return {};
      epilogue.pops[epilogue.pop_count++] = *popped;
    } else {
      if (!is_exit(*instruction, offset, released, epilogue)) return {};
      return epilogue;
    }
    released = true;
    offset += instruction->length;
  }
  return {};
}

bool releases(const Instruction& instruction) {
  if (popped_by(instruction) || release_of(instruction)) return true;
  if (instruction.is(Map::one_byte, 0xc9)) return true;  // leave
  // `mov rsp, register`, in both encodings.
  if (instruction.mod() != 3 || (instruction.rex & 8) == 0) return false;
  return (instruction.is(Map::one_byte, 0x8b) && instruction.reg() == kRsp) ||
         (instruction.is(Map::one_byte, 0x89) && instruction.rm() == kRsp);
}

bool released_before(base::Bytes before) {
  for (std::size_t size = 1; size <= before.size() && size <= kReleaseBytes; ++size) {
    const auto instruction = decode(before.clamp(before.size() - size), Mode::x64);
    if (instruction && instruction->length == size && releases(*instruction)) return true;
  }
  return false;
}

}  // namespace ntstack::code
