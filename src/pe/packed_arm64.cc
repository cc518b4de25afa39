#include "pe/packed_arm64.h"

namespace ntstack::pe::arm64 {
namespace {

constexpr std::uint32_t largest_pre_index = 512;
// The most that one instruction takes from SP, in multiples of 16.
constexpr std::uint32_t largest_step = 4080;

// One code, its bytes in the file's order.
struct Code {
  std::uint32_t word = 0;
  std::uint8_t size = 1;
  bool is_home = false;  // of the stores of x0 to x7, which the epilogue has not
  bool is_set_fp = false;
};

// The prologue's codes in the order of its instructions.
class Sequence {
 public:
  explicit Sequence(const Packed& packed) : packed_(packed) {
    ints_ = packed.int_count * 8u + (packed.cr == 1 ? 8u : 0u);
    const std::uint32_t floats = packed.float_count * 8u;
    // Parameters are homed behind the saved registers; without any, in the local area, by
    // instructions of the function's body.
    homes_ = packed.homes_parameters && ints_ + floats != 0;
    saved_ = (ints_ + floats + (homes_ ? 64u : 0u) + 15) & ~15u;
  }

  bool build();
  ExpandedCodes finish(bool is_fragment) const;

 private:
  void add(std::uint32_t word, std::uint8_t size) { codes_[count_++] = {word, size}; }
  void add_op(std::uint32_t byte) { add(byte, 1); }
  void add_alloc(std::uint32_t bytes);
  void save(std::uint32_t op, std::uint32_t op_before, unsigned shift_before, std::uint32_t reg,
            std::uint32_t offset);
  void save_ints();
  void save_floats();
  void add_locals(std::uint32_t locals);

  const Packed& packed_;
  std::uint32_t ints_ = 0;   // bytes, with LR where it lies behind them
  std::uint32_t saved_ = 0;  // bytes of all saved registers and homed parameters
  bool homes_ = false;
  bool is_allocated_ = false;  // the save area: by the first store, or before it
  std::array<Code, 32> codes_{};
  std::size_t count_ = 0;
};

void Sequence::add_alloc(std::uint32_t bytes) {
  if (bytes < 512) {
    add(bytes / 16, 1);
  } else {
    add(0xc000 | (bytes / 16), 2);
  }
}

// A store: the first one also allocates the save area.
void Sequence::save(std::uint32_t op, std::uint32_t op_before, unsigned shift_before,
                    std::uint32_t reg, std::uint32_t offset) {
  if (is_allocated_) {
    add(op | (reg << 6) | (offset / 8), 2);
  } else {
    add(op_before | (reg << shift_before) | (saved_ / 8 - 1), 2);
  }
  is_allocated_ = true;
}

void Sequence::save_ints() {
  constexpr std::uint32_t save_regp = 0xc800, save_regp_x = 0xcc00, save_reg = 0xd000,
                          save_reg_x = 0xd400, save_lrpair = 0xd600, lr = 30 - 19;
  const bool saves_lr = packed_.cr == 1;
  std::uint32_t reg = 0;
  for (; reg + 1 < packed_.int_count; reg += 2) save(save_regp, save_regp_x, 6, reg, reg * 8);
  const bool is_odd = reg < packed_.int_count;
  if (is_odd && saves_lr) {
    // No code pre-decrements for a pair with LR.
    if (!is_allocated_) add_alloc(saved_);
    is_allocated_ = true;
    add(save_lrpair | ((reg / 2) << 6) | reg, 2);
  } else if (is_odd) {
    save(save_reg, save_reg_x, 5, reg, reg * 8);
  } else if (saves_lr) {
    save(save_reg, save_reg_x, 5, lr, ints_ - 8);
  }
}

void Sequence::save_floats() {
  constexpr std::uint32_t save_fregp = 0xd800, save_fregp_x = 0xda00, save_freg = 0xdc00,
                          save_freg_x = 0xde00;
  std::uint32_t reg = 0;
  for (; reg + 1 < packed_.float_count; reg += 2)
    save(save_fregp, save_fregp_x, 6, reg, ints_ + reg * 8);
  if (reg < packed_.float_count) save(save_freg, save_freg_x, 5, reg, ints_ + reg * 8);
}

void Sequence::add_locals(std::uint32_t locals) {
  const bool is_chained = packed_.cr >= 2;
  if (is_chained && locals <= largest_pre_index) {
    add_op(0x80 | (locals / 8 - 1));  // save_fplr_x
  } else {
    if (locals > largest_step) add_alloc(largest_step);
    const std::uint32_t rest = locals > largest_step ? locals - largest_step : locals;
    if (rest != 0) add_alloc(rest);
    if (is_chained) add_op(0x40);  // save_fplr at 0
  }
  if (!is_chained) return;
  add_op(0xe1);
  codes_[count_ - 1].is_set_fp = true;
}

bool Sequence::build() {
  const bool is_chained = packed_.cr >= 2;
  if (packed_.int_count > 10 || packed_.frame_size < saved_) return false;
  const std::uint32_t locals = packed_.frame_size - saved_;
  if (is_chained && locals == 0) return false;
  if (packed_.cr == 2) add_op(0xfc);
  save_ints();
  save_floats();
  for (int i = 0; homes_ && i < 4; ++i) {
    add_op(0xe3);
    codes_[count_ - 1].is_home = true;
  }
  add_locals(locals);
  return true;
}

ExpandedCodes Sequence::finish(bool is_fragment) const {
  ExpandedCodes out;
  const auto put = [&](const Code& code) {
    if (code.size == 2) out.storage[out.size++] = static_cast<std::byte>(code.word >> 8);
    out.storage[out.size++] = static_cast<std::byte>(code.word & 0xff);
  };
  const Code end{0xe4, 1}, end_c{0xe5, 1};
  if (is_fragment) put(end_c);
  for (std::size_t i = count_; i-- > 0;) put(codes_[i]);
  put(end);
  if (is_fragment) return out;
  // The epilogue mirrors the prologue, but for setting FP and homing parameters.
  out.epilog = count_ != 0 && codes_[count_ - 1].is_set_fp ? 1 : 0;
  if (!homes_) return out;
  out.epilog = static_cast<std::uint32_t>(out.size);
  for (std::size_t i = count_; i-- > 0;) {
    if (!codes_[i].is_home && !codes_[i].is_set_fp) put(codes_[i]);
  }
  put(end);
  return out;
}

}  // namespace

std::optional<ExpandedCodes> expand(const Packed& packed, bool is_fragment) {
  Sequence sequence(packed);
  if (!sequence.build()) return {};
  return sequence.finish(is_fragment);
}

}  // namespace ntstack::pe::arm64
