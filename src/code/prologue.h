// What a function's first instructions take of the stack, each with its bytes: why a frame is as
// large as it is. Pushes, allocations, and calls that probe the stack for a large one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "code/instruction.h"

namespace ntstack::code {

enum class Taking : std::uint8_t {
  saves,      // a push, or a store with write-back, of registers that are the caller's
  pushes,     // a push of something else: a handler's record, a constant, room for a local
  allocates,  // sub esp, 290h and its like
  probes,     // the same, by a helper that touches every page on the way: __chkstk
  aligns      // and esp, 0FFFFFFF8h: its bytes depend on where the stack pointer was
};
std::string_view name_of(Taking taking);  // "saves": JSON

struct StackTaken {
  std::uint32_t offset = 0;  // of the instruction, from the first byte
  Taking taking = Taking::allocates;
  std::uint64_t bytes = 0;  // that the stack pointer is lower behind it; 0 of `aligns`
  std::string text;         // as WinDbg writes it, without its padding: "sub esp,290h"
};

struct Prologue {
  std::vector<StackTaken> taken;
  std::uint32_t size = 0;  // bytes of code that were looked at
  bool aligns = false;     // one of them aligns: the sum is a lower bound

  std::uint64_t bytes() const;  // of all together
};

// Which helper a call leads to, as it matters to its caller's frame.
enum class Helper : std::uint8_t {
  none,
  lowers_by_eax,  // x86: __chkstk, _alloca_probe
  sets_frame      // x86: _SEH_prolog4; takes as many bytes as were pushed before its last argument
};
// Of a direct call to `distance` bytes from the function's first byte.
using HelperAt = std::function<Helper(std::int64_t distance)>;

// Goes along `code`, a function's first bytes, over branches that may not be taken, up to its end,
// to a call or jump to elsewhere, and to whatever releases stack. Pushes that nothing follows but a
// call are its arguments, and are left out. x64 needs no helper: its caller lowers RSP itself.
Prologue prologue_of(base::Bytes code, Mode mode, const HelperAt& helper_at = {});

// ARM64: the same.
Prologue prologue_of_arm64(base::Bytes code);

// How many bytes of a function are worth having.
inline constexpr std::size_t kPrologueBytes = 512;

}  // namespace ntstack::code
