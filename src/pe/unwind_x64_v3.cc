#include "pe/unwind_x64_v3.h"

namespace ntstack::pe::x64 {

using base::Bytes;

namespace {

// EPILOG_INFO_V3: flags:3 operations:5, then a signed offset.
constexpr std::uint8_t flag_to_parent = 1;
constexpr std::uint8_t flag_large = 2;
constexpr std::uint8_t flag_reserved = 4;

// An operation is told by the low bits of its first byte: three of them, four, six, or all.
std::optional<WindingOp> op_of(std::uint8_t first) {
  if ((first & 7) >= 4) return static_cast<WindingOp>(first & 7);
  const std::uint8_t four = first & 0xf;
  if (four >= 8) return four <= 10 ? std::optional(static_cast<WindingOp>(four)) : std::nullopt;
  if ((first & 0x3f) == 0x20) return WindingOp::push2;
  return first <= 3 ? std::optional(static_cast<WindingOp>(first)) : std::nullopt;
}

}  // namespace

const RawWindingEpilog* WindingPayload::epilog_at(std::uint32_t rva) const {
  for (const RawWindingEpilog& epilog : epilogs()) {
    if (rva >= epilog.start && rva <= epilog.last) return &epilog;
  }
  return nullptr;
}

// Reads a payload from its front. error_ is set once something is not there or makes no sense.
class PayloadParser {
 public:
  PayloadParser(const RawPayload& raw, std::uint32_t begin, std::uint32_t end)
      : raw_(raw), begin_(begin), end_(end) {}

  std::expected<WindingPayload, const char*> parse() {
    // The high byte of the prologue's size is the header's business.
    at_ = raw_.large ? 1 : 0;
    result_.prolog.count = raw_.operation_count;
    result_.prolog.wide = raw_.large;
    take_offsets(result_.prolog);
    for (std::size_t i = 0; i < raw_.epilog_count && !error_; ++i) read_epilog();
    if (at_ > raw_.bytes.size()) error_ = truncated;
    if (!error_) place_pool();
    if (error_) return std::unexpected(error_);
    return result_;
  }

 private:
  static constexpr const char* truncated = "a payload that is cut short";

  template <class T>
  T take() {
    const auto value = raw_.bytes.get<T>(at_);
    if (!value) error_ = truncated;
    at_ += sizeof(T);
    return value.value_or(0);
  }

  void take_offsets(RawWindings& windings) {
    const std::size_t size = windings.count * (windings.wide ? 2u : 1u);
    const auto offsets = raw_.bytes.slice(at_, size);
    if (!offsets) error_ = truncated;
    windings.ip_offsets = offsets.value_or(Bytes());
    at_ += size;
  }

  void read_epilog() {
    const bool is_first = result_.epilog_count_ == 0;
    const auto head = take<std::uint8_t>();
    const auto offset = take<std::int16_t>();
    const auto count = static_cast<std::uint8_t>(head >> 3);
    RawWindingEpilog epilog;
    std::int64_t previous = offset < 0 ? end_ : begin_;
    if (!is_first) {
      epilog = result_.epilogs_[result_.epilog_count_ - 1u];
      previous = epilog.start;
      length_ = epilog.last - epilog.start;
    }
    if (head & flag_reserved) error_ = "an epilogue with an unknown flag";
    if (is_first && count == 0) error_ = "an epilogue that inherits from none";
    if (count != 0) read_operations(epilog, head, count);
    place(epilog, previous + offset);
    result_.epilogs_[result_.epilog_count_++] = epilog;
  }

  void read_operations(RawWindingEpilog& epilog, std::uint8_t head, std::uint8_t count) {
    const std::size_t i = result_.epilog_count_;
    epilog.to_parent = (head & flag_to_parent) != 0;
    epilog.windings.wide = (head & flag_large) != 0;
    epilog.windings.count = count;
    first_ops_[i] = take<std::uint16_t>();
    has_first_op_[i] = true;
    length_ = epilog.windings.wide ? take<std::uint16_t>() : take<std::uint8_t>();
    take_offsets(epilog.windings);
  }

  // Where an epilogue would lie outside of its function the rest can't be trusted either.
  void place(RawWindingEpilog& epilog, std::int64_t start) {
    if (start < begin_ || start + length_ >= end_) {
      if (!error_) error_ = "an epilogue outside of its function";
      return;
    }
    epilog.start = static_cast<std::uint32_t>(start);
    epilog.last = static_cast<std::uint32_t>(start + length_);
  }

  // The pool lies behind all that was read; only now is it known where.
  void place_pool() {
    const Bytes pool = raw_.bytes.clamp(at_);
    result_.prolog.pool = pool;
    for (std::size_t i = 0; i < result_.epilog_count_; ++i) {
      if (!has_first_op_[i]) first_ops_[i] = first_ops_[i - 1];
      result_.epilogs_[i].windings.pool = pool.clamp(first_ops_[i]);
    }
  }

  const RawPayload& raw_;
  std::int64_t begin_, end_;
  std::size_t at_ = 0;
  std::uint32_t length_ = 0;  // of the epilogue, up to its last instruction
  std::array<std::uint16_t, WindingPayload::most_epilogs> first_ops_{};
  std::array<bool, WindingPayload::most_epilogs> has_first_op_{};
  WindingPayload result_;
  const char* error_ = nullptr;
};

std::expected<WindingPayload, const char*> take_apart(const RawPayload& payload,
                                                      std::uint32_t begin, std::uint32_t end) {
  return PayloadParser(payload, begin, end).parse();
}

std::optional<Winding> WindingReader::bad(const char* error) {
  error_ = error;
  return {};
}

std::uint16_t WindingReader::ip_offset() const {
  if (raw_->wide) return raw_->ip_offsets.get_or<std::uint16_t>(index_ * 2u, 0);
  return raw_->ip_offsets.get_or<std::uint8_t>(index_, 0);
}

std::optional<Winding> WindingReader::next() {
  if (error_ || index_ == raw_->count) return {};
  const auto first = raw_->pool.get<std::uint8_t>(at_);
  if (!first) return bad("fewer operations than its header says");
  const auto op = op_of(*first);
  if (!op) return bad("an unknown operation");
  Winding winding;
  winding.ip_offset = ip_offset();
  winding.op = *op;
  if (!decode(winding)) return bad(error_ ? error_ : "an operation that lacks its operand");
  ++index_;
  return winding;
}

// The operand behind an operation's first byte.
template <class T>
bool WindingReader::amount(Winding& winding, std::uint32_t scale) {
  const auto value = raw_->pool.get<T>(at_ + 1);
  if (!value) return false;
  winding.amount = *value * scale;
  at_ += 1 + sizeof(T);
  return true;
}

bool WindingReader::decode(Winding& winding) {
  const auto first = raw_->pool.get_or<std::uint8_t>(at_, 0);
  switch (winding.op) {
    case WindingOp::set_fpreg:
      if (!amount<std::uint8_t>(winding, 1)) return false;
      winding.register_number = winding.amount & 0xf;
      winding.amount = (winding.amount >> 4) * 16;
      return true;
    case WindingOp::push_canonical_frame:
      if (!amount<std::uint8_t>(winding, 1)) return false;
      winding.register_number = static_cast<std::uint8_t>(winding.amount);
      winding.amount = 0;
      return true;
    case WindingOp::alloc_huge:
      return amount<std::uint32_t>(winding, 1);
    case WindingOp::alloc_large:
      return amount<std::uint16_t>(winding, 8);
    case WindingOp::alloc_small:
      winding.amount = (first >> 4) * 8u + 8;
      ++at_;
      return true;
    case WindingOp::push:
      winding.register_number = first >> 3;
      winding.amount = 8;
      ++at_;
      return true;
    case WindingOp::push2:
    case WindingOp::push_consecutive_2:
      return decode_push2(winding);
    case WindingOp::save_nonvol:
      winding.register_number = first >> 3;
      return amount<std::uint16_t>(winding, 8);
    case WindingOp::save_nonvol_far:
      winding.register_number = first >> 3;
      return amount<std::uint32_t>(winding, 1);
    case WindingOp::save_xmm128:
      winding.register_number = first >> 4;
      return amount<std::uint16_t>(winding, 16);
    case WindingOp::save_xmm128_far:
      winding.register_number = first >> 4;
      return amount<std::uint32_t>(winding, 1);
  }
  return false;
}

bool WindingReader::decode_push2(Winding& winding) {
  const auto first = raw_->pool.get_or<std::uint8_t>(at_, 0);
  winding.amount = 16;
  if (winding.op == WindingOp::push_consecutive_2) {
    winding.register_number = first >> 3;
    winding.second = winding.register_number + 1;
    if (winding.second > 31) error_ = "a push of a register behind the last";
    ++at_;
    return error_ == nullptr;
  }
  const auto next = raw_->pool.get<std::uint8_t>(at_ + 1);
  if (!next) return false;
  winding.register_number = static_cast<std::uint8_t>(first >> 6 | (*next & 7) << 2);
  winding.second = *next >> 3;
  at_ += 2;
  return true;
}

}  // namespace ntstack::pe::x64
