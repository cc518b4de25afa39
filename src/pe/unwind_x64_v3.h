// Version 3 of x64 unwind data: what stands in the payload behind an UNWIND_INFO's header. From
// Microsoft's "x64 unwind information v3" (a preview specification, May 2026). What each operation
// means is said as a prologue does it; an epilogue names the same operations as it undoes them.
// What the specification does not know yet is refused: reserved flags, operations without a name,
// an epilogue that would lie outside of its function or inherit from none.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"

namespace ntstack::pe::x64 {

// Winding operations; the numbers are the format's.
enum class WindingOp : std::uint8_t {
  set_fpreg = 0,
  alloc_huge = 1,
  alloc_large = 2,
  push_canonical_frame = 3,
  push = 4,
  save_nonvol_far = 5,
  save_nonvol = 6,
  push_consecutive_2 = 7,
  alloc_small = 8,
  save_xmm128_far = 9,
  save_xmm128 = 10,
  push2 = 32
};

// Types of canonical frames. The specification leaves the numbers to Windows' headers; these two
// are what MASM's .PUSHFRAME writes without and with CODE. Of a machine frame with a shadow stack's
// push and of a context record neither number nor layout is public: a step refuses all but these.
inline constexpr std::uint8_t frame_without_error_code = 0;
inline constexpr std::uint8_t frame_with_error_code = 1;

struct Winding {
  // Of the first byte of the instruction that does it: from the function's begin for a prologue,
  // from the epilogue's start for an epilogue.
  std::uint16_t ip_offset = 0;
  WindingOp op = WindingOp::push;
  // RAX = 0 .. R31 = 31, or XMM0 .. XMM15; of two pushes the first; of a canonical frame its type.
  std::uint8_t register_number = 0;
  std::uint8_t second = 0;  // the register that is pushed second: it lies 8 bytes below the first
  // Bytes: size of an allocation or of what is pushed, offset of a saved register from RSP, of the
  // frame register from RSP.
  std::uint32_t amount = 0;

  bool pushes_two() const { return op == WindingOp::push2 || op == WindingOp::push_consecutive_2; }
};

struct WindingEpilog {
  std::uint32_t start = 0;  // RVA
  std::uint32_t last = 0;   // RVA of its last instruction
  // It goes back into the parent's code (a jump), and does not return to the caller.
  bool to_parent = false;
  std::vector<Winding> windings;  // in the file's order: what is undone first comes first
};

// Operations as they lie in the payload.
struct RawWindings {
  base::Bytes ip_offsets;
  base::Bytes pool;  // from the first operation on; others may follow
  std::uint8_t count = 0;
  bool wide = false;  // two bytes an IP offset
};

struct RawWindingEpilog {
  std::uint32_t start = 0;
  std::uint32_t last = 0;
  bool to_parent = false;
  RawWindings windings;
};

// The payload taken apart, still as bytes.
struct WindingPayload {
  static constexpr std::size_t most_epilogs = 7;
  RawWindings prolog;

  std::span<const RawWindingEpilog> epilogs() const { return {epilogs_.data(), epilog_count_}; }
  // The epilogue that has an instruction at `rva`, or null.
  const RawWindingEpilog* epilog_at(std::uint32_t rva) const;

 private:
  friend class PayloadParser;
  std::array<RawWindingEpilog, most_epilogs> epilogs_;
  std::uint8_t epilog_count_ = 0;
};

// Where a payload lies and what its header says of it.
struct RawPayload {
  base::Bytes bytes;
  std::uint8_t operation_count = 0;
  std::uint8_t epilog_count = 0;
  bool large = false;  // the prologue has more than 255 bytes
};

// `begin` and `end` are the function's. The error is a sentence's rest ("an epilogue that ...").
// Operations are looked at by WindingReader alone.
std::expected<WindingPayload, const char*> take_apart(const RawPayload& payload,
                                                      std::uint32_t begin, std::uint32_t end);

// Goes through operations in the file's order.
class WindingReader {
 public:
  explicit WindingReader(const RawWindings& raw) : raw_(&raw) {}
  // Nothing at the end, and at an operation that is malformed: then error() is a sentence's rest.
  std::optional<Winding> next();
  const char* error() const { return error_; }

 private:
  std::optional<Winding> bad(const char* error);
  bool decode(Winding& winding);
  bool decode_push2(Winding& winding);
  template <class T>
  bool amount(Winding& winding, std::uint32_t scale);
  std::uint16_t ip_offset() const;

  const RawWindings* raw_;
  std::uint8_t index_ = 0;
  std::size_t at_ = 0;  // in the pool
  const char* error_ = nullptr;
};

}  // namespace ntstack::pe::x64
