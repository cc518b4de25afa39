// A FrameData program: the postfix string by which a PDB says where a caller's registers are.
// Compiled once to a list of operations, then evaluated over registers and memory. The language:
// Microsoft's dbghelp and DIA documentation (IDiaFrameData::program); LLVM's FrameData emitter.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "base/byte_source.h"

namespace ntstack::unwind::x86 {

// The names that mean something outside a program. Any other $name is a variable of the program.
enum Name : std::uint8_t {
  eax,
  ecx,
  edx,
  ebx,
  esp,
  ebp,
  esi,
  edi,
  eip,
  ra_search,           // .raSearch: the slot of the return address, found by a search
  ra_search_start,     // .raSearchStart: where that search begins
  params_size,         // .cbParams
  locals_size,         // .cbLocals
  saved_size,          // .cbSavedRegs
  callee_params_size,  // .cbCalleeParams
  first_variable
};

inline constexpr std::size_t kNames = 32;

// Values of names; bit n of `defined`: values[n] is one.
struct Values {
  std::array<std::uint32_t, kNames> values{};
  std::uint32_t defined = 0;

  void set(std::size_t name, std::uint32_t value) {
    values[name] = value;
    defined |= 1u << name;
  }
  bool has(std::size_t name) const { return (defined >> name & 1) != 0; }
};

enum class ProgramError : std::uint8_t {
  too_long,           // more operations, names or operands than any compiler writes
  bad_token,          // no name, number or operator
  operands_missing,   // an operator without its operands
  not_assignable,     // the left of = is no register or variable
  operands_left,      // values that nothing uses
  name_undefined,     // a name was used that has no value
  memory_missing,     // ^ of an address that is not there
  division_by_zero,   // / or % by zero
  alignment_no_power  // @ by what is no power of two
};
std::string_view text_of(ProgramError error);  // a sentence without a full stop

class Program {
 public:
  // Registers may be named as $ebx or by their CodeView number, $20, as MSVC does. A blank is
  // needed between names and numbers alone.
  static std::expected<Program, ProgramError> compile(std::string_view text);

  // Runs over `values` in place. On an error they are as far as the program came.
  std::expected<void, ProgramError> evaluate(Values& values, const base::ByteSource& memory) const;

  // Bit n: the program reads (assigns) Name n.
  std::uint32_t reads() const { return reads_; }
  std::uint32_t assigns() const { return assigns_; }

 private:
  enum class Code : std::uint8_t {
    number,
    load,
    store,
    dereference,
    add,
    subtract,
    multiply,
    divide,
    remainder,
    align
  };
  struct Operation {
    Code code;
    std::uint8_t name = 0;
    std::uint32_t number = 0;
  };
  friend class ProgramCompiler;
  static std::expected<std::uint32_t, ProgramError> apply(Code code, std::uint32_t left,
                                                          std::uint32_t right);

  std::vector<Operation> operations_;
  std::uint32_t reads_ = 0, assigns_ = 0;
};

}  // namespace ntstack::unwind::x86
