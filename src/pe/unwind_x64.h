// x64 unwind data: RUNTIME_FUNCTION entries of .pdata, and UNWIND_INFO decoded into plain structs.
// From Microsoft's x64 exception handling documentation; version 2 from LLVM's public sources.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "pe/image.h"

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
  std::uint8_t info =
      0;  // a register (RAX = 0 .. R15 = 15), or the machine frame's error code flag
  std::uint32_t amount = 0;  // bytes: size of an allocation, or offset of a saved register
};

// One epilogue of version 2: where it starts, in bytes from the function's begin, and its length.
struct Epilog {
  std::uint32_t start = 0;  // RVA
  std::uint32_t size = 0;
};

struct UnwindInfo {
  std::uint8_t version = 0;  // 1 or 2
  std::uint8_t flags = 0;    // 1 EHANDLER, 2 UHANDLER, 4 CHAININFO
  std::uint8_t prolog_size = 0;
  std::uint8_t frame_register = 0;  // 0: none
  std::uint32_t frame_offset = 0;  // bytes: frame register = RSP + this, at the end of the prologue
  std::vector<UnwindCode>
      codes;  // in the file's order: last prologue instruction first; no epilog codes
  std::vector<Epilog> epilogs;  // version 2 alone
  std::optional<RuntimeFunction> chained;
  std::optional<std::uint32_t> handler;  // RVA of the language handler
};

// The exception directory as a sorted table. Looked up by binary search over the image's own bytes;
// nothing is copied.
class FunctionTable {
 public:
  explicit FunctionTable(const Image& image);
  // The entry whose [begin, end) holds `rva`, indirect entries resolved to the one they name.
  // Nothing where none does, or where its bytes are missing (missing() tells which).
  std::optional<RuntimeFunction> find(std::uint32_t rva) const;
  std::size_t size() const { return count_; }
  std::optional<RuntimeFunction> at(std::size_t index) const;
  // True where the directory is named in the header but (some of) its bytes are not there.
  bool missing() const { return missing_; }

 private:
  const Image* image_;
  std::uint32_t rva_ = 0;
  std::size_t count_ = 0;
  bool missing_ = false;
};

// Decodes the UNWIND_INFO of `function`. Errors: bytes missing, unknown version or operation.
// Chained infos are not followed here.
base::Result<UnwindInfo> decode(const Image& image, const RuntimeFunction& function);

}  // namespace ntstack::pe::x64
