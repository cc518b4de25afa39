// One step on an x86 stack: the caller's registers from the callee's, by what is known best: a
// PDB's FrameData program, its FPO record, the chain of frame pointers. Pure functions of
// registers, memory, code and records. x86 has no unwind data in its images.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "base/byte_source.h"
#include "pdb/pdb.h"
#include "unwind/code_map.h"
#include "unwind/program.h"
#include "unwind/trust.h"

namespace ntstack::unwind::x86 {

struct Registers {
  std::array<std::uint32_t, 8> gpr{};  // by the numbers of instructions: Name's eax to edi
  std::uint32_t eip = 0;
  std::uint32_t known = 0;  // bit n: gpr[n] holds the frame's own value; EIP and ESP always do
  // The bytes of arguments at ESP: of a caller, those of the callee's parameters. ESP is what it
  // was before the call instruction; the return goes past the arguments where the callee removes
  // them.
  std::uint32_t arguments = 0;
  // True where the registers are those behind the call before EIP, not those before it: the callee
  // was a helper, such as __chkstk, that changes its caller's frame and had begun to.
  bool after_call = false;

  bool knows(std::size_t number) const { return (known >> number & 1) != 0; }
};

// What a step looks up: modules, and the records of their PDBs.
class CodeMap : public unwind::CodeMap {
 public:
  // Records that span an RVA; nothing where there are none or no PDB is at hand. A program's text
  // stays valid as long as the map.
  virtual std::optional<pdb::FrameDataRecord> frame_data_at(const Module& module,
                                                            std::uint32_t rva) const = 0;
  virtual std::optional<pdb::FpoRecord> fpo_at(const Module& module, std::uint32_t rva) const = 0;
  // Where the function at an RVA begins by a symbol, if one is known: asked where no record says.
  virtual std::optional<std::uint32_t> function_start_at(const Module& /*module*/,
                                                         std::uint32_t /*rva*/) const {
    return {};
  }
};

enum class TrapLayout : std::uint8_t { xp_to_8_0, since_8_1 };  // of KTRAP_FRAME: x86_trap.h

// Where the stack may be: [low, high). Of a thread's kernel stack [StackLimit, InitialStack), of a
// DPC stack its own bounds.
struct StackRange {
  std::uint32_t low = 0, high = UINT32_MAX;
  std::optional<TrapLayout> traps{};  // of the trap frames on it; nothing: none are looked for
  bool holds(std::uint32_t address, std::uint32_t size) const {
    return address >= low && address <= high && high - address >= size;
  }
};

struct Step {
  Registers caller;
  // frame_data, fpo, code, frame_pointer or trap_frame; scan for a guess: where the code at hand
  // does not decide which slot holds the return address.
  Trust trust = Trust::frame_data;
  std::uint32_t return_slot = 0;
  // Where EBP was the address of a KTRAP_FRAME: the caller is what was interrupted, all its
  // registers are known, and EIP is no return address. The interrupted code may be user mode's.
  std::optional<std::uint32_t> trap_frame{};
  bool trap_from_user = false;
};

enum class StepError : std::uint8_t {
  not_described,     // no record, and EBP is no frame pointer
  program_bad,       // the record's program can't be compiled or evaluated
  return_not_found,  // no slot of the frame holds an address that follows a call
  memory_missing     // the stack's memory is not there
};
std::string_view text_of(StepError error);  // a sentence without a full stop

class RuleCache;  // makes repeated steps cheap; see x86_cache.h

// One step. `is_call_site` is true where EIP is a return address (every frame but the youngest and
// the one below a trap frame). `memory` is asked for the stack and for code. A return address is
// never below 64 KB, lies in a module and follows a call; where its code is not at hand the last
// is not asked. A frame pointer rises and stays in `stack`. `cache` may be null.
std::expected<Step, StepError> step(const CodeMap& code, const base::ByteSource& memory,
                                    const Registers& callee, bool is_call_site,
                                    const StackRange& stack, RuleCache* cache = nullptr);

}  // namespace ntstack::unwind::x86
