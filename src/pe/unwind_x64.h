// x64 unwind data: RUNTIME_FUNCTION entries of .pdata, and UNWIND_INFO decoded into plain structs.
// From Microsoft's x64 exception handling documentation; version 2 from LLVM's public sources;
// version 3 is in unwind_x64_v3.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "pe/function_table.h"
#include "pe/image.h"
#include "pe/unwind_x64_v3.h"

namespace ntstack::pe::x64 {

struct RuntimeFunction {  // all RVAs
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t unwind = 0;  // bit 0 set: the RVA (less that bit) of another RUNTIME_FUNCTION
};
static_assert(sizeof(RuntimeFunction) == 12);

// UNWIND_CODE operations; the numbers are the format's.
enum class Op : std::uint8_t {
  push_nonvol = 0,
  alloc_large = 1,
  alloc_small = 2,
  set_fpreg = 3,
  save_nonvol = 4,
  save_nonvol_far = 5,
  epilog = 6,
  spare = 7,
  save_xmm128 = 8,
  save_xmm128_far = 9,
  push_machframe = 10,
  set_fpreg_large = 11
};

struct UnwindCode {
  std::uint8_t prolog_offset = 0;  // of the end of the instruction that this describes
  Op op = Op::push_nonvol;
  // A register (RAX = 0 .. R15 = 15); for set_fpreg(_large) the frame register; for push_machframe
  // 1 where an error code lies below the frame.
  std::uint8_t info = 0;
  // Bytes: size of an allocation (8 for a push), offset of a saved register or of the frame
  // register.
  std::uint32_t amount = 0;
};

// One epilogue of version 2: its pops and its return; the release of the fixed frame lies before.
struct Epilog {
  std::uint32_t start = 0;  // RVA
  std::uint32_t size = 0;
};

struct UnwindInfo {
  std::uint8_t version = 0;         // 1, 2 or 3
  std::uint8_t flags = 0;           // 1 EHANDLER, 2 UHANDLER, 4 CHAININFO, 8 LARGE (version 3)
  std::uint16_t prolog_size = 0;    // version 3 alone has more than 255
  std::uint8_t frame_register = 0;  // 0: none
  std::uint32_t frame_offset = 0;  // bytes: frame register = RSP + this, at the end of the prologue
  std::vector<UnwindCode>
      codes;  // in the file's order: last prologue instruction first; no epilog codes
  std::vector<Epilog> epilogs;  // version 2 alone
  // Version 3, which has no frame register in its header and no codes.
  std::vector<Winding> windings;  // in the file's order: last prologue instruction first
  std::vector<WindingEpilog> winding_epilogs;
  std::optional<RuntimeFunction> chained;
  std::optional<std::uint32_t> handler;  // RVA of the language handler
};

// The image outlives the table and stays where it is.
class FunctionTable : public SortedFunctions<RuntimeFunction> {
 public:
  explicit FunctionTable(const Image& image) : SortedFunctions(image, base::Architecture::x64) {}
  // The entry whose [begin, end) holds `rva`, indirect entries resolved to the one they name.
  // Nothing where none does, or where its bytes are missing (missing() tells which).
  std::optional<RuntimeFunction> find(std::uint32_t rva) const;
};

// The entry that an indirect one names in the end; `function` itself where it is direct. Nothing
// where the chain is too long or its bytes are missing.
std::optional<RuntimeFunction> resolve(const Image& image, const RuntimeFunction& function);

// Where raw_unwind_info() puts the bytes that do not lie together. Left as it is otherwise.
struct UnwindScratch {
  static constexpr std::size_t largest = 4 + 2 * 256 + sizeof(RuntimeFunction);
  std::array<std::byte, largest> bytes;
};

// An UNWIND_INFO as it lies in the image: for unwinding without an allocation. The bytes are the
// image's or the scratch's.
struct RawUnwindInfo {
  RuntimeFunction function;  // that it belongs to; never indirect
  std::uint8_t version = 0;  // 1, 2 or 3
  std::uint8_t flags = 0;    // 1 EHANDLER, 2 UHANDLER, 4 CHAININFO, 8 LARGE (version 3)
  std::uint16_t prolog_size = 0;
  std::uint8_t frame_register = 0;  // 0: none
  std::uint32_t frame_offset = 0;   // bytes, as the header has it
  base::Bytes slots;                // the code array, two bytes a slot; none in version 3
  RawPayload payload;               // version 3 alone
  base::Bytes trailer;  // up to 12 bytes behind it: the parent's entry, or the handler's RVA

  bool chains() const { return (flags & 4) != 0; }
  bool has_handler() const { return !chains() && (flags & 3) != 0; }
  // The parent's entry where the info is chained and its bytes are there.
  std::optional<RuntimeFunction> chained() const;
};

// Errors: bytes missing, an unknown version or flag.
base::Result<RawUnwindInfo> raw_unwind_info(const Image& image, const RuntimeFunction& function,
                                            UnwindScratch& scratch);

// Goes through the codes of an info in the file's order, EPILOG codes left out.
class CodeReader {
 public:
  explicit CodeReader(const RawUnwindInfo& raw) : raw_(&raw) {}
  // Nothing at the end, and at a code that is malformed: then error() is a sentence's rest.
  std::optional<UnwindCode> next();
  const char* error() const { return error_; }
  // The slot that the next code is read from.
  std::size_t slot() const { return slot_; }

 private:
  std::optional<UnwindCode> bad(const char* error);
  std::optional<std::uint32_t> operand(std::size_t slots) const;

  const RawUnwindInfo* raw_;
  std::size_t slot_ = 0;
  const char* error_ = nullptr;
};

// Goes through the epilogues that version 2 names. Those that would not begin in the function are
// left out: no address can be in them.
class EpilogReader {
 public:
  explicit EpilogReader(const RawUnwindInfo& raw);
  std::optional<Epilog> next();

 private:
  const RawUnwindInfo* raw_;
  std::size_t slot_ = 0;
  std::uint32_t size_ = 0;
  bool at_end_pending_ = false;
};

// The epilogue of version 2 that holds `rva`.
std::optional<Epilog> epilog_at(const RawUnwindInfo& raw, std::uint32_t rva);

// The payload of version 3 taken apart. Errors: see take_apart().
base::Result<WindingPayload> windings_of(const RawUnwindInfo& raw);

// Decodes the UNWIND_INFO of `function`. Errors: bytes missing, unknown version or operation.
// Chained infos are not followed here.
base::Result<UnwindInfo> decode(const Image& image, const RuntimeFunction& function);

}  // namespace ntstack::pe::x64
