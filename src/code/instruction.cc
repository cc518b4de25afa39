#include "code/instruction.h"

#include <string_view>

namespace ntstack::code {
namespace {

constexpr std::size_t kLongestInstruction = 15;

// What follows an opcode, a letter for each of a map's 256:
//   .  nothing            M  ModRM              b  8-bit immediate      B  ModRM, 8-bit
//   z  16/32-bit          Z  ModRM, 16/32-bit   w  16-bit immediate     v  16/32/64-bit
//   j  near branch        o  memory offset      e  16-bit, 8-bit        f  far pointer
//   t  ModRM, and 8-bit for /0 and /1 (TEST)    T  the same, 16/32-bit
//   R  ModRM of registers alone, whatever its mod says (control and debug registers)
//   i  nothing, not in x64    d  8-bit, not in x64    D  ModRM and 8-bit, not in x64
//   p  prefix or escape       x  no instruction
constexpr std::string_view kOneByteMap =
    "MMMMbziiMMMMbzip"   // 00
    "MMMMbziiMMMMbzii"   // 10
    "MMMMbzpiMMMMbzpi"   // 20
    "MMMMbzpiMMMMbzpi"   // 30
    "iiiiiiiiiiiiiiii"   // 40: REX in x64, met before
    "................"   // 50
    "iiMMppppzZbB...."   // 60
    "bbbbbbbbbbbbbbbb"   // 70
    "BZDBMMMMMMMMMMMM"   // 80
    "..........f....."   // 90
    "oooo....bz......"   // A0
    "bbbbbbbbvvvvvvvv"   // B0
    "BBw.MMBZe.w..bi."   // C0
    "MMMMddi.MMMMMMMM"   // D0
    "bbbbbbbbjjfb...."   // E0
    "p.pp..tT......MM";  // F0

constexpr std::string_view kMap0f =
    "MMMMx.....x.xM.B"   // 00
    "MMMMMMMMMMMMMMMM"   // 10
    "RRRRxxxxMMMMMMMM"   // 20
    "......x.pxpxxxxx"   // 30
    "MMMMMMMMMMMMMMMM"   // 40
    "MMMMMMMMMMMMMMMM"   // 50
    "MMMMMMMMMMMMMMMM"   // 60
    "BBBBMMM.MMxxMMMM"   // 70
    "jjjjjjjjjjjjjjjj"   // 80
    "MMMMMMMMMMMMMMMM"   // 90
    "...MBMxx...MBMMM"   // A0
    "MMMMMMMMMMBMMMMM"   // B0
    "MMBMBBBM........"   // C0
    "MMMMMMMMMMMMMMMM"   // D0
    "MMMMMMMMMMMMMMMM"   // E0
    "MMMMMMMMMMMMMMMM";  // F0
static_assert(kOneByteMap.size() == 256 && kMap0f.size() == 256);

// Vector instructions of the 0F map: the few with an immediate, VZEROUPPER, and ModRM for the rest.
char vector_form_of_0f(std::uint8_t opcode) {
  if (opcode == 0x77) return '.';
  const bool has_immediate =
      (opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6);
  return has_immediate ? 'B' : 'M';
}

char form_of(Map map, std::uint8_t opcode, bool vector) {
  switch (map) {
    case Map::one_byte:
      return kOneByteMap[opcode];
    case Map::map_0f:
      return vector ? vector_form_of_0f(opcode) : kMap0f[opcode];
    case Map::map_0f38:
    case Map::map_5:
    case Map::map_6:
    case Map::xop9:
      return 'M';
    case Map::map_0f3a:
    case Map::xop8:
      return 'B';
    case Map::xopa:
      return 'Z';
  }
  return 'x';
}

// Reads one instruction's bytes in order; `failed` once they run out.
class Reader {
 public:
  Reader(base::Bytes code, Mode mode) : code_(code.clamp(0, kLongestInstruction)), mode_(mode) {}
  std::optional<Instruction> run();

 private:
  std::uint8_t byte() { return static_cast<std::uint8_t>(value<std::uint8_t>()); }
  std::uint8_t peek() const { return code_.get_or<std::uint8_t>(at_, 0); }
  template <class T>
  std::int64_t value() {
    const auto read = code_.get<T>(at_);
    if (!read) {
      failed_ = true;
      return 0;
    }
    at_ += sizeof(T);
    return static_cast<std::int64_t>(*read);
  }
  std::int64_t operand_sized();

  std::uint8_t prefixes();
  void opcode(std::uint8_t first);
  bool vector_prefix(std::uint8_t first);
  void memory_operand();
  void memory_operand_of_16_bits();
  void operands(char form);

  base::Bytes code_;
  Mode mode_;
  std::size_t at_ = 0;
  bool failed_ = false;
  Instruction found_;
};

// Legacy prefixes in any order, then REX; returns the first byte after them. A REX before another
// prefix has no effect.
std::uint8_t Reader::prefixes() {
  while (!failed_) {
    const std::uint8_t next = byte();
    switch (next) {
      case 0x66:
        found_.operand_size_prefix = true;
        break;
      case 0x67:
        found_.address_size_prefix = true;
        break;
      case 0xf2:
        found_.repeat_not_prefix = true;
        break;
      case 0xf3:
        found_.repeat_prefix = true;
        break;
      case 0x26:
      case 0x2e:
      case 0x36:
      case 0x3e:
      case 0x64:
      case 0x65:
      case 0xf0:
        break;
      default:
        if (mode_ != Mode::x64 || (next & 0xf0) != 0x40) return next;
        found_.rex = next;
        continue;
    }
    found_.rex = 0;
  }
  return 0;
}

// VEX, EVEX and XOP. In x86 their first bytes are LES, LDS and BOUND where the next one has a
// memory operand, and XOP is POP everywhere where its map is below 8.
bool Reader::vector_prefix(std::uint8_t first) {
  const std::uint8_t second = peek();
  if (mode_ == Mode::x86 && first != 0x8f && (second & 0xc0) != 0xc0) return false;
  if (first == 0x8f && (second & 0x1f) < 8) return false;
  found_.vex = true;
  unsigned map = 1;
  if (first == 0xc5) {
    byte();
  } else {
    map = byte() & (first == 0x62 ? 7 : 0x1f);
    byte();
    if (first == 0x62) byte();
  }
  switch (map) {
    case 1:
      found_.map = Map::map_0f;
      break;
    case 2:
      found_.map = Map::map_0f38;
      break;
    case 3:
      found_.map = Map::map_0f3a;
      break;
    case 5:
      found_.map = Map::map_5;
      break;
    case 6:
      found_.map = Map::map_6;
      break;
    case 8:
      found_.map = Map::xop8;
      break;
    case 9:
      found_.map = Map::xop9;
      break;
    case 10:
      found_.map = Map::xopa;
      break;
    default:
      failed_ = true;
  }
  found_.opcode = byte();
  return true;
}

void Reader::opcode(std::uint8_t first) {
  if ((first == 0xc4 || first == 0xc5 || first == 0x62 || first == 0x8f) && vector_prefix(first))
    return;
  found_.opcode = first;
  if (first != 0x0f) return;
  found_.map = Map::map_0f;
  found_.opcode = byte();
  if (found_.opcode != 0x38 && found_.opcode != 0x3a) return;
  found_.map = found_.opcode == 0x38 ? Map::map_0f38 : Map::map_0f3a;
  found_.opcode = byte();
}

void Reader::memory_operand_of_16_bits() {
  if (found_.mod() == 1) {
    found_.displacement = static_cast<std::int32_t>(value<std::int8_t>());
  } else if (found_.mod() == 2 || found_.rm() == 6) {
    found_.displacement = static_cast<std::int32_t>(value<std::int16_t>());
  }
}

void Reader::memory_operand() {
  if (mode_ == Mode::x86 && found_.address_size_prefix) return memory_operand_of_16_bits();
  std::uint8_t base = found_.rm();
  if (base == 4) {
    found_.has_sib = true;
    found_.sib = byte();
    base = found_.sib & 7;
  }
  if (found_.mod() == 1) {
    found_.displacement = static_cast<std::int32_t>(value<std::int8_t>());
  } else if (found_.mod() == 2 || base == 5) {
    found_.displacement = static_cast<std::int32_t>(value<std::int32_t>());
  }
}

// An immediate of the operand's size, at most 32 bits. REX.W makes 66 void.
std::int64_t Reader::operand_sized() {
  const bool wide = (found_.rex & 8) != 0;
  if (found_.operand_size_prefix && !wide && !found_.vex) return value<std::int16_t>();
  return value<std::int32_t>();
}

void Reader::operands(char form) {
  if (std::string_view("MBZDtTR").find(form) != std::string_view::npos) {
    found_.has_modrm = true;
    found_.modrm = byte();
    if (found_.mod() != 3 && form != 'R') memory_operand();
  }
  const bool is_test = found_.reg() < 2;
  switch (form) {
    case 'b':
    case 'B':
    case 'd':
    case 'D':
      found_.immediate = value<std::int8_t>();
      break;
    case 'z':
    case 'Z':
      found_.immediate = operand_sized();
      break;
    case 'w':
      found_.immediate = value<std::uint16_t>();
      break;
    case 't':
      if (is_test) found_.immediate = value<std::int8_t>();
      break;
    case 'T':
      if (is_test) found_.immediate = operand_sized();
      break;
    case 'v':
      found_.immediate = (found_.rex & 8) ? value<std::int64_t>() : operand_sized();
      break;
    case 'j':  // Intel's processors ignore 66 on x64's near branches
      found_.immediate = mode_ == Mode::x64 ? value<std::int32_t>() : operand_sized();
      break;
    case 'o':
      if (mode_ == Mode::x64) {
        found_.immediate =
            found_.address_size_prefix ? value<std::uint32_t>() : value<std::int64_t>();
      } else {
        found_.immediate =
            found_.address_size_prefix ? value<std::uint16_t>() : value<std::uint32_t>();
      }
      break;
    case 'e':
      value<std::uint16_t>();
      found_.immediate = value<std::uint8_t>();
      break;
    case 'f':
      found_.immediate = operand_sized();
      value<std::uint16_t>();
      break;
    default:
      break;
  }
}

std::optional<Instruction> Reader::run() {
  opcode(prefixes());
  if (failed_) return {};
  const char form = form_of(found_.map, found_.opcode, found_.vex);
  if (form == 'x' || form == 'p') return {};
  if (mode_ == Mode::x64 && (form == 'i' || form == 'd' || form == 'D' || form == 'f')) return {};
  operands(form);
  // SSE4a's EXTRQ and INSERTQ have two 8-bit immediates.
  if (found_.is(Map::map_0f, 0x78) && (found_.operand_size_prefix || found_.repeat_not_prefix)) {
    byte();
    found_.immediate = byte();
  }
  if (failed_) return {};
  found_.length = static_cast<std::uint8_t>(at_);
  return found_;
}

}  // namespace

std::optional<Instruction> decode(base::Bytes code, Mode mode) { return Reader(code, mode).run(); }

}  // namespace ntstack::code
