// One step on an x64 stack: the caller's registers from the callee's. Pure functions of registers,
// memory and unwind data; framehop's shape: one call, no threads, no names.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/byte_source.h"
#include "unwind/code_map.h"
#include "unwind/trust.h"

namespace ntstack::unwind::x64 {

// Register numbers as UNWIND_CODE has them.
enum Register : std::uint8_t {
  rax,
  rcx,
  rdx,
  rbx,
  rsp,
  rbp,
  rsi,
  rdi,
  r8,
  r9,
  r10,
  r11,
  r12,
  r13,
  r14,
  r15
};

struct Registers {
  std::array<std::uint64_t, 16> gpr{};
  std::uint64_t rip = 0;
  std::uint32_t known = 0;  // bit n: gpr[n] holds the frame's own value; RIP and RSP always do
};

struct Step {
  Registers caller;
  Trust trust = Trust::unwind_info;  // unwind_info or trap_frame
  // Address of the machine frame's RIP slot, where one was crossed. The KTRAP_FRAME that it ends,
  // if it is one, lies 0x168 below.
  std::optional<std::uint64_t> machine_frame;
  bool machine_frame_has_error_code = false;
  bool machine_frame_from_user = false;  // the frame's CS has ring 3
};

enum class StepError : std::uint8_t {
  no_module,            // the address is in no module
  no_image,             // in a module without an image at hand
  unwind_data_missing,  // the image's unwind data is not in the dump and not at hand
  unwind_data_bad,      // malformed, or an unknown version or operation
  not_described,        // a call from code that the image's function table does not describe
  register_unknown,     // the frame register's value is needed and is not known
  memory_missing,       // the return address's slot is not there
  no_progress           // the stack would not grow, or after a machine frame nothing would change
};
std::string_view text_of(StepError error);  // a sentence without a full stop

class RuleCache;  // makes repeated steps cheap; see x64_cache.h

// One step. `is_call_site` is true where RIP is a return address (every frame but the youngest and
// the one below a trap frame): the instruction before it decides which function it is in. Of a
// caller the nonvolatile registers are known where the callee's are, or where their saved values
// could be read; the volatile ones never are. `memory` is asked for the stack, and for code bytes
// that the image lacks. `cache` may be null.
std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site,
                                    RuleCache* cache = nullptr);

}  // namespace ntstack::unwind::x64
