// One step on an ARM64 stack: the caller's registers from the callee's. Pure functions of
// registers, memory and unwind data, as for x64: one call, no threads, no names.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/byte_source.h"
#include "unwind/code_map.h"
#include "unwind/trust.h"

namespace ntstack::unwind::arm64 {

// Indexes of Registers::x that have names of their own.
inline constexpr std::uint8_t fp = 29;
inline constexpr std::uint8_t lr = 30;

// Bits of Registers::known: x19 to x28 and FP, which a callee keeps for its caller.
inline constexpr std::uint32_t kKeptByCalls = 0x3ff80000;

struct Registers {
  std::array<std::uint64_t, 31> x{};
  std::uint64_t sp = 0;
  std::uint64_t pc = 0;
  // Bit n: x[n] holds the frame's own value; PC and SP always do. LR does in the youngest frame and
  // where a trap frame or context holds it: a caller's LR was lost to its call.
  std::uint32_t known = 0;
  // True where only a lower bound of SP is known: the frame was found by the chain of frame
  // pointers. A function that set up FP can still be unwound exactly.
  bool sp_is_bound = false;

  bool operator==(const Registers&) const = default;
};

// What lies on the stack where no call made the frame.
enum class Frame : std::uint8_t {
  none,
  trap_frame,     // KTRAP_FRAME: x0 to x18, FP, LR, SP and PC
  machine_frame,  // SP and PC alone
  context         // CONTEXT
};

struct Step {
  Registers caller;
  Trust trust = Trust::unwind_info;  // unwind_info or trap_frame
  // True where the caller's PC is a return address, as step() takes it.
  bool is_call_site = true;
  // LR was signed (pac_sign_lr) and its signature taken off.
  bool signed_return = false;
  Frame frame = Frame::none;        // what was crossed, the last where there were several
  std::uint64_t frame_address = 0;  // of it
  bool from_user = false;           // a trap frame whose saved PSTATE is that of user mode

  bool operator==(const Step&) const = default;
};

enum class StepError : std::uint8_t {
  no_module,            // the address is in no module
  no_image,             // in a module without an image at hand
  unwind_data_missing,  // the image's unwind data is not in the dump and not at hand
  unwind_data_bad,      // malformed, or of an unknown version or code
  not_described,        // a call from code that the image's function table does not describe
  unknown_frame,        // a frame whose layout is not known: ARM64EC contexts, SVE allocations
  register_unknown,     // FP or LR is needed and is not known
  memory_missing,       // the return address's slot, or a trap frame, is not there
  no_progress           // nothing would change, or the stack would not grow
};
std::string_view text_of(StepError error);  // a sentence without a full stop

// A code address without its pointer authentication code: bit 55 tells the half of the address
// space; the bits above the 48 of an address are its copies.
constexpr std::uint64_t without_pac(std::uint64_t address) {
  constexpr std::uint64_t above = 0xffffull << 48;
  return (address >> 55) & 1 ? address | above : address & ~above;
}

class RuleCache;  // makes repeated steps cheap; see arm64_cache.h

// One step. `is_call_site` is true where PC is a return address (every frame but the youngest and
// those that Step says): the instruction before it decides which function it is in. `memory` is
// asked for the stack alone; code is never read. `cache` may be null.
std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site,
                                    RuleCache* cache = nullptr);

}  // namespace ntstack::unwind::arm64
