// One x86 or x64 instruction taken apart: its length and the fields that walkers look at.
// From the opcode maps of Intel's and AMD's manuals. Operands are not interpreted.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace ntstack::code {

enum class Mode : std::uint8_t { x86, x64 };

// Which table the opcode byte is of. The VEX, EVEX and XOP prefixes name a map too.
enum class Map : std::uint8_t {
  one_byte,
  map_0f,
  map_0f38,
  map_0f3a,
  map_5,
  map_6,
  xop8,
  xop9,
  xopa
};

struct Instruction {
  std::uint8_t length = 0;  // 1..15
  Map map = Map::one_byte;
  std::uint8_t opcode = 0;
  std::uint8_t rex = 0;              // 0x40..0x4f, or 0 for none
  bool vex = false;                  // VEX, EVEX or XOP: a vector (or BMI) instruction
  bool operand_size_prefix = false;  // 66
  bool address_size_prefix = false;  // 67
  bool repeat_prefix = false;        // F3
  bool repeat_not_prefix = false;    // F2
  bool has_modrm = false;
  std::uint8_t modrm = 0;
  bool has_sib = false;
  std::uint8_t sib = 0;
  std::int32_t displacement = 0;  // of the memory operand, sign-extended
  std::int64_t immediate = 0;     // the (last) immediate or the branch's distance, sign-extended

  std::uint8_t mod() const { return modrm >> 6; }
  std::uint8_t reg() const { return (modrm >> 3) & 7; }  // without REX.R
  std::uint8_t rm() const { return modrm & 7; }          // without REX.B
  bool is(Map wanted, std::uint8_t wanted_opcode) const {
    return !vex && map == wanted && opcode == wanted_opcode;
  }
};

// The instruction at the start of `code`; nothing where it is no instruction, where it is longer
// than 15 bytes or where `code` ends within it.
std::optional<Instruction> decode(base::Bytes code, Mode mode);

}  // namespace ntstack::code
