// One ARM64 unwind code from its bytes. The first byte tells the operation and the code's size;
// operands follow with the most significant byte first.
#include "pe/unwind_arm64.h"

namespace ntstack::pe::arm64 {
namespace {

constexpr std::uint8_t lr = 30;

struct Save {
  Op op;
  RegisterKind kind;
  std::uint32_t reg;
  std::uint8_t count;
};

void save_at(UnwindCode& code, const Save& save, std::uint32_t eighths) {
  code.op = save.op;
  code.kind = save.kind;
  code.reg = static_cast<std::uint8_t>(save.reg);
  code.count = save.count;
  code.amount = eighths * 8;
}

void save_before(UnwindCode& code, const Save& save, std::uint32_t eighths) {
  save_at(code, save, eighths);
  code.writeback = true;
}

std::uint8_t size_of(std::uint8_t first) {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  switch (first) {
    case 0xe0:
      return 4;
    case 0xe2:
      return 2;
    case 0xe7:
      return 3;
    default:
      return 1;
  }
}

void read_one_byte(UnwindCode& code, std::uint32_t first) {
  if (first < 0x20) {
    code.op = Op::alloc_s;
    code.amount = first * 16;
  } else if (first < 0x40) {
    save_before(code, {Op::save_r19r20_x, RegisterKind::x, 19, 2}, first & 0x1f);
  } else if (first < 0x80) {
    save_at(code, {Op::save_fplr, RegisterKind::x, 29, 2}, first & 0x3f);
  } else {
    save_before(code, {Op::save_fplr_x, RegisterKind::x, 29, 2}, (first & 0x3f) + 1);
  }
}

// The register's bits span both bytes; the offset lies in the low ones.
void read_two_bytes(UnwindCode& code, std::uint32_t word) {
  const std::uint32_t offset6 = word & 0x3f;
  const std::uint32_t offset5 = word & 0x1f;
  const auto field = [&](unsigned low, unsigned count) {
    return (word >> low) & ((1u << count) - 1);
  };
  using enum RegisterKind;
  if (word < 0xc800) {
    code.op = Op::alloc_m;
    code.amount = field(0, 11) * 16;
  } else if (word < 0xcc00) {
    save_at(code, {Op::save_regp, x, 19 + field(6, 4), 2}, offset6);
  } else if (word < 0xd000) {
    save_before(code, {Op::save_regp_x, x, 19 + field(6, 4), 2}, offset6 + 1);
  } else if (word < 0xd400) {
    save_at(code, {Op::save_reg, x, 19 + field(6, 4), 1}, offset6);
  } else if (word < 0xd600) {
    save_before(code, {Op::save_reg_x, x, 19 + field(5, 4), 1}, offset5 + 1);
  } else if (word < 0xd800) {
    save_at(code, {Op::save_lrpair, x, 19 + 2 * field(6, 3), 2}, offset6);
  } else if (word < 0xda00) {
    save_at(code, {Op::save_fregp, d, 8 + field(6, 3), 2}, offset6);
  } else if (word < 0xdc00) {
    save_before(code, {Op::save_fregp_x, d, 8 + field(6, 3), 2}, offset6 + 1);
  } else if (word < 0xde00) {
    save_at(code, {Op::save_freg, d, 8 + field(6, 3), 1}, offset6);
  } else if (word < 0xdf00) {
    save_before(code, {Op::save_freg_x, d, 8 + field(5, 3), 1}, offset5 + 1);
  } else {
    code.op = Op::alloc_z;
    code.amount = field(0, 8);
  }
}

// 0pxrrrrr ffoooooo: a pair, a pre-indexed store, a register, its kind, an offset in units of 8 or,
// where more than 8 bytes are stored, of 16.
const char* read_any_register(UnwindCode& code, std::uint32_t word) {
  const bool pair = (word & 0x4000) != 0;
  const std::uint32_t kind = (word >> 6) & 3;
  if ((word & 0x8000) != 0 || kind == 3) return "a save_any_reg code of an unknown kind";
  code.op = Op::save_any_reg;
  code.kind = kind == 0 ? RegisterKind::x : kind == 1 ? RegisterKind::d : RegisterKind::q;
  code.writeback = (word & 0x2000) != 0;
  code.reg = static_cast<std::uint8_t>((word >> 8) & 0x1f);
  code.count = pair ? 2 : 1;
  const bool wide = pair || code.writeback || code.kind == RegisterKind::q;
  code.amount = ((word & 0x3f) + (code.writeback ? 1 : 0)) * (wide ? 16 : 8);
  return nullptr;
}

std::optional<Op> op_of(std::uint8_t byte) {
  switch (byte) {
    case 0xe1:
      return Op::set_fp;
    case 0xe3:
      return Op::nop;
    case 0xe4:
      return Op::end;
    case 0xe5:
      return Op::end_c;
    case 0xe6:
      return Op::save_next;
    case 0xe8:
      return Op::trap_frame;
    case 0xe9:
      return Op::machine_frame;
    case 0xea:
      return Op::context;
    case 0xeb:
      return Op::ec_context;
    case 0xec:
      return Op::clear_unwound_to_call;
    case 0xfc:
      return Op::pac_sign_lr;
    default:
      return {};
  }
}

// Registers past the last one: no instruction stores them.
bool is_past_end(const UnwindCode& code) {
  if (code.kind == RegisterKind::none) return false;
  if (code.op == Op::save_lrpair) return code.reg > lr;
  const unsigned last = code.reg + code.count - 1u;
  return last > (code.kind == RegisterKind::x ? lr : 31u);
}

}  // namespace

const char* CodeReader::read(UnwindCode& code) const {
  const auto first = codes_.get_or<std::uint8_t>(index_, 0);
  const auto byte = [&](unsigned at) {
    return std::uint32_t{codes_.get_or<std::uint8_t>(index_ + at, 0)};
  };
  if (first < 0xc0) {
    read_one_byte(code, first);
  } else if (first < 0xe0) {
    read_two_bytes(code, first * 256u + byte(1));
  } else if (first == 0xe0) {
    code.op = Op::alloc_l;
    code.amount = (byte(1) * 65536 + byte(2) * 256 + byte(3)) * 16;
  } else if (first == 0xe2) {
    code.op = Op::add_fp;
    code.amount = byte(1) * 8;
  } else if (first == 0xe7) {
    if (const char* error = read_any_register(code, byte(1) * 256 + byte(2))) return error;
  } else if (const auto op = op_of(first)) {
    code.op = *op;
  } else {
    return "an unknown operation";
  }
  return is_past_end(code) ? "a saved register that there is not" : nullptr;
}

std::optional<UnwindCode> CodeReader::next() {
  if (error_ || index_ >= codes_.size()) return {};
  UnwindCode code;
  code.size = size_of(codes_.get_or<std::uint8_t>(index_, 0));
  code.index = static_cast<std::uint16_t>(index_);
  error_ = codes_.contains(index_, code.size) ? read(code) : "a code that lacks its operand";
  if (error_) return {};
  index_ += code.size;
  return code;
}

}  // namespace ntstack::pe::arm64
