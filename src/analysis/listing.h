// Disassembly as a debugger lists it (u, ub): instructions with the names of what they refer to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/code_view.h"
#include "analysis/function_start.h"
#include "analysis/register_values.h"

namespace ntstack::analysis {

// An address that an instruction refers to.
struct Reference {
  // `size` 0: not written among the operands, but computed from a register that was set before.
  code::AddressText where;
  std::string symbol;  // "nt!IofCallDriver"; empty: in no module
  // Of memory that a pointer is read from:
  std::optional<std::uint64_t> value;  // as the dump has it
  std::string value_symbol;
  std::string import_name;  // "nt!ZwClose": what the loader puts there by the import table
};

struct Line {
  code::Disassembled instruction;
  base::Architecture architecture = base::Architecture::unknown;
  std::vector<std::byte> bytes;
  std::vector<Reference> references;
  std::string symbol;      // of its address: "nt!IofCallDriver+0x45"; empty: in no module
  std::string function;    // the same without the offset
  bool is_in_dump = true;  // else its bytes are the image file's
  // Of a function: no branch that is seen leads there.
  bool is_unreached = false;
};

struct Listing {
  std::vector<Line> lines;
  std::string why_ended;           // a sentence, where fewer lines are there than were asked for
  std::vector<std::string> notes;  // on how it was made, a sentence each
  // Of a listing backwards: what said where instructions begin. `none` on ARM64.
  StartFrom counted_from = StartFrom::none;
  bool is_guess = false;  // instructions may begin elsewhere
};

inline constexpr std::size_t kMostLines = 100000;

// One line. `values` are those before it; null: none are known.
Line line_of(const CodeView& view, const code::Disassembled& instruction,
             const RegisterValues* values);

// `count` instructions from `address` on, those alone that begin below `end`.
Listing list_from(const CodeView& view, std::uint64_t address, std::size_t count,
                  std::uint64_t end = UINT64_MAX);

// The `count` instructions before `address`. x86 and x64 can't be read backwards: they are decoded
// forwards from where the function begins; where that is not known, or does not lead to `address`,
// from where most ways of decoding agree, and it is a guess.
Listing list_before(const CodeView& view, std::uint64_t address, std::size_t count);

}  // namespace ntstack::analysis
