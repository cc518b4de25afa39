// ARM64 unwind data: the 8-byte entries of .pdata, packed or with an .xdata record, decoded into
// plain structs. From Microsoft's ARM64 exception handling documentation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "pe/function_table.h"
#include "pe/image.h"

namespace ntstack::pe::arm64 {

enum class Form : std::uint8_t {
  xdata = 0,            // the word is the RVA of an .xdata record
  packed = 1,           // the word describes a canonical prologue and epilogue
  packed_fragment = 2,  // the same without the prologue and epilogue themselves
  reserved = 3
};

// An entry of .pdata.
struct RuntimeFunction {
  std::uint32_t begin = 0;  // RVA
  std::uint32_t unwind = 0;
  Form form() const { return static_cast<Form>(unwind & 3); }
};
static_assert(sizeof(RuntimeFunction) == 8);

// The fields of a packed entry.
struct Packed {
  std::uint32_t length = 0;       // bytes of the function
  std::uint32_t frame_size = 0;   // bytes of the whole frame
  std::uint8_t float_count = 0;   // d8 and on: 0, or 2 to 8
  std::uint8_t int_count = 0;     // x19 and on
  bool homes_parameters = false;  // x0 to x7 are stored behind the saved registers
  std::uint8_t cr = 0;            // 0 unchained, 1 LR saved, 2 chained with a signed LR, 3 chained
};
Packed packed_of(const RuntimeFunction& function);

enum class Op : std::uint8_t {
  alloc_s,
  save_r19r20_x,
  save_fplr,
  save_fplr_x,
  alloc_m,
  save_regp,
  save_regp_x,
  save_reg,
  save_reg_x,
  save_lrpair,
  save_fregp,
  save_fregp_x,
  save_freg,
  save_freg_x,
  alloc_z,
  alloc_l,
  set_fp,
  add_fp,
  nop,
  end,
  end_c,
  save_next,
  save_any_reg,
  trap_frame,
  machine_frame,
  context,
  ec_context,
  clear_unwound_to_call,
  pac_sign_lr
};

enum class RegisterKind : std::uint8_t { none, x, d, q };

struct UnwindCode {
  Op op = Op::nop;
  std::uint8_t size = 0;    // bytes in the code array
  std::uint16_t index = 0;  // of its first byte in the code array
  RegisterKind kind = RegisterKind::none;
  std::uint8_t reg = 0;      // the (first) saved register's number
  std::uint8_t count = 0;    // saved registers: 1 or 2; of save_lrpair the second is LR
  bool writeback = false;    // stored at [sp, #-amount]!; else at [sp, #amount]
  std::uint32_t amount = 0;  // bytes: an allocation (alloc_z: vector lengths), an offset
  // Instructions that it stands for: codes of frames that the processor's software makes have none.
  std::uint32_t instructions() const {
    return op == Op::end || op == Op::end_c ||
                   (op >= Op::trap_frame && op <= Op::clear_unwound_to_call)
               ? 0
               : 1;
  }
  bool ends() const { return op == Op::end || op == Op::end_c; }
};

// Where an epilogue begins, and the code that its first instruction undoes.
struct EpilogScope {
  std::uint32_t start = 0;  // bytes from the function's begin
  std::uint32_t index = 0;  // in the code array
};

struct UnwindInfo {
  Form form = Form::xdata;
  std::uint32_t length = 0;       // bytes of the function
  std::vector<UnwindCode> codes;  // all of the array that decode; padding behind the last end too
  std::uint32_t code_bytes = 0;   // size of the code array
  std::vector<EpilogScope> epilogs;
  // The one epilogue at the function's end, where the header itself names it: index of its codes.
  std::optional<std::uint32_t> last_epilog;
  std::optional<std::uint32_t> handler;  // RVA of the language handler
};

// The image outlives the table and stays where it is.
class FunctionTable : public SortedFunctions<RuntimeFunction> {
 public:
  explicit FunctionTable(const Image& image) : SortedFunctions(image, base::Architecture::arm64) {}
  // The entry of the function that holds `rva`. Where the function's length can't be read (its
  // .xdata is missing) the entry before `rva` is given: decoding it says what is missing.
  std::optional<RuntimeFunction> find(std::uint32_t rva) const;
};

// Bytes of the function, from the entry or its .xdata header. Nothing where that is missing.
std::optional<std::uint32_t> length_of(const Image& image, const RuntimeFunction& function);

// Where raw_unwind_info() puts codes that do not lie together, and those of packed entries.
struct UnwindScratch {
  static constexpr std::size_t largest = 255 * 4;
  std::array<std::byte, largest> bytes;
};

// Unwind data as it lies in the image, packed entries as the codes of their canonical sequence: for
// unwinding without an allocation. The bytes are the image's or the scratch's.
struct RawUnwindInfo {
  RuntimeFunction function;
  std::uint32_t length = 0;  // bytes of the function
  base::Bytes codes;
  std::uint32_t scope_count = 0;
  std::uint32_t scopes_rva = 0;
  std::optional<std::uint32_t> last_epilog;  // index of the codes of the one epilogue at the end
  std::optional<std::uint32_t> handler_rva;  // RVA of the handler's RVA
};

// Errors: bytes missing, an unknown version, a packed entry that describes no frame.
base::Result<RawUnwindInfo> raw_unwind_info(const Image& image, const RuntimeFunction& function,
                                            UnwindScratch& scratch);

// Goes through the codes from a byte index on, `end` and `end_c` included.
class CodeReader {
 public:
  explicit CodeReader(base::Bytes codes, std::size_t index = 0) : codes_(codes), index_(index) {}
  // Nothing behind the last byte, and at a code that is malformed: then error() is a sentence's
  // rest.
  std::optional<UnwindCode> next();
  const char* error() const { return error_; }

 private:
  const char* read(UnwindCode& code) const;

  base::Bytes codes_;
  std::size_t index_;
  const char* error_ = nullptr;
};

// Instructions of the sequence that begins at `index`, up to its `end` or `end_c`.
std::uint32_t instruction_count(const RawUnwindInfo& raw, std::size_t index);

// The epilogue (its return included) that holds the instruction at `offset` bytes of the function.
std::optional<EpilogScope> epilog_at(const Image& image, const RawUnwindInfo& raw,
                                     std::uint32_t offset);

// Decodes the unwind data of `function`. Errors: as raw_unwind_info(), and unknown codes.
base::Result<UnwindInfo> decode(const Image& image, const RuntimeFunction& function);

}  // namespace ntstack::pe::arm64
