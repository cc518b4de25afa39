// "What did this call call?": the call before a return address, the slot that it reads, what the
// slot holds, and whose code that is. A debugger's ub, dps and ln in one step.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/listing.h"

namespace ntstack::analysis {

// What told where a call leads.
enum class CalledBy : std::uint8_t {
  unknown,
  instruction,   // the call names it
  dump_memory,   // the slot's value, as the dump has it now
  import_table,  // the slot's value is not in the dump: by the image's import table
  code_before,   // the code before sets the register that is called
  frame          // a register that the call kept, by the frame's registers
};
std::string_view name_of(CalledBy by);  // "dump_memory": JSON

// A jump that the call leads to first: an import's thunk.
struct Passed {
  std::uint64_t address = 0;
  std::string symbol;
  std::optional<std::uint64_t> slot;  // that it jumps through
};

struct Called {
  std::uint64_t return_address = 0;
  std::string return_symbol;
  std::optional<Line> call;  // nothing: no call is before the address
  bool is_guess = false;     // that the call is the instruction before: see Listing
  CalledBy by = CalledBy::unknown;
  std::optional<code::RegisterNumber> through_register;
  std::optional<std::uint64_t> slot;  // memory that the target was read from
  std::string slot_symbol, import_name;
  std::optional<std::uint64_t> target;
  std::string symbol;          // of the target; by an import table alone its name there
  std::vector<Passed> passed;  // on the way to the target
  std::string why_unknown;     // a sentence, where the target is not known
  std::vector<std::string> notes;
};

// The registers of the calling frame as they are at the return address; nothing: not known. Asked
// alone for those that a call keeps.
using RegisterOf = std::function<std::optional<std::uint64_t>(code::RegisterNumber)>;

Called called_before(const CodeView& view, std::uint64_t return_address,
                     const RegisterOf& register_of = {});

}  // namespace ntstack::analysis
