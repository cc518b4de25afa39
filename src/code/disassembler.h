// Machine code as a reader of it wants it: one instruction, in WinDbg's notation, with what it
// calls, jumps to and reads. By Capstone, of which nothing outside disassembler.cc knows; ARM64's
// pointer authentication, which Capstone 4 does not know, by arm64_atomics and arm64_pointer_auth.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/architecture.h"
#include "base/bytes.h"

namespace ntstack::code {

// False in a build without Capstone: then every instruction is unknown.
bool can_disassemble();

enum class Flow : std::uint8_t {
  other,        // the next instruction follows
  call,         // it follows after the call
  jump,         // it does not follow
  conditional,  // a branch that may not be taken
  returns,
  stops  // ud2, int 29h, udf: nothing follows
};
std::string_view name_of(Flow flow);  // "conditional": JSON

// An address that an instruction names, and where its text is among the operands.
struct AddressText {
  enum Kind : std::uint8_t {
    target,   // of a direct call or jump
    memory,   // a memory operand at a fixed address
    computed  // lea, adrp, an immediate that is as wide as a pointer: maybe an address
  };
  Kind kind = target;
  std::uint64_t address = 0;
  std::uint32_t begin = 0, size = 0;  // in Instruction's operands
};

// General registers by the number in the processor's encoding: rax 0, rcx 1 ... r15 15; x0 0 ...
// x30 30, sp 31.
using RegisterNumber = std::uint8_t;

// Memory at base + index * scale + displacement; without either register a fixed address.
struct MemoryPlace {
  std::optional<RegisterNumber> base, index;
  std::uint8_t scale = 1;
  std::int64_t displacement = 0;
  std::uint8_t size = 0;  // bytes, 0: not known
};

// A memory operand as the processor computes its address.
struct MemoryOperand {
  MemoryPlace place;       // a fixed address, RIP-relative too, is the displacement
  char segment = 'd';      // x86, x64: c, d, e, f, g or s, for CS to SS
  std::uint8_t bits = 64;  // that the sum is cut to
  // ARM64: the index's low bits alone count, with their sign or without.
  bool index_is_word = false, index_is_signed = false;
  // The whole instruction has no other meaning than the address (lea), or it reads code there.
  bool is_only_address = false;
};

// What an instruction leaves in a register, as far as the code alone tells.
struct Leaves {
  enum Kind : std::uint8_t {
    constant,   // `value`
    loaded,     // what is in memory at `value`
    sum,        // base + value
    loaded_at,  // what is in memory at base + value
    copied      // what is in `base`
  };
  Kind kind = constant;
  RegisterNumber destination = 0, base = 0;
  std::uint64_t value = 0;
};

struct Disassembled {
  std::uint64_t address = 0;
  std::uint8_t length = 0;  // bytes; of what is unknown at least 1, on ARM64 4
  bool is_known = false;    // else the mnemonic is "???"
  std::string mnemonic;     // "rep movs", "mov"
  std::string operands;     // "dword ptr [ebp-4],eax"
  std::vector<AddressText> addresses;
  Flow flow = Flow::other;
  std::optional<std::uint64_t> target;  // of a direct call or jump
  // A call or jump to what a register or memory holds.
  std::optional<RegisterNumber> target_register;
  std::optional<MemoryPlace> target_memory;
  // The memory at a fixed address that it reads or writes.
  std::optional<std::uint64_t> slot;
  // Those of an x86 string instruction are two, in the order of the text.
  std::array<std::optional<MemoryOperand>, 2> memory;
  std::optional<Leaves> leaves;
  // The register whose whole value it stores at memory[0], and does nothing else.
  std::optional<RegisterNumber> stored;
  std::uint32_t written = 0;  // general registers, a bit each

  bool falls_through() const {
    return is_known && (flow == Flow::other || flow == Flow::call || flow == Flow::conditional);
  }
};

class Disassembler {
 public:
  explicit Disassembler(base::Architecture architecture);
  ~Disassembler();
  Disassembler(Disassembler&&) noexcept;
  Disassembler& operator=(Disassembler&&) noexcept;

  // The instruction at the start of `code`, which lies at `address`; 15 bytes (ARM64: 4) are
  // enough. Unknown where it is none or where `code` ends within it. `code` is not empty.
  Disassembled at(base::Bytes code, std::uint64_t address) const;
  base::Architecture architecture() const { return architecture_; }

 private:
  struct State;
  base::Architecture architecture_;
  std::unique_ptr<State> state_;
};

inline constexpr std::size_t kLongestInstruction = 15;

// "rcx", "xip0": as WinDbg has them.
std::string register_name(base::Architecture architecture, RegisterNumber number);

// A number as MASM writes it: "9", "28h", "0FFFFFD70h".
std::string masm_number(std::uint64_t value);

}  // namespace ntstack::code
