// What code does with an argument: where the function that got it keeps it while it calls others,
// and what its caller had in the register that it passed.
#pragma once

#include <cstdint>
#include <vector>

#include "analysis/certainty.h"
#include "analysis/code_view.h"

namespace ntstack::analysis {

// Where an argument is while its function waits, as the code alone tells.
struct ArgumentPlace {
  enum Kind : std::uint8_t {
    constant,     // it is `value`
    in_register,  // register + value
    in_memory,    // what is in memory at register + value
    at_fixed,     // what is in memory at `value`
    at_entry,     // what is in memory at the stack pointer of the function's entry + value
    passed_on     // the caller's own argument number `value`
  };
  Kind kind = constant;
  code::RegisterNumber number = 0;
  std::uint64_t value = 0;
  Certainty certainty = Certainty::fact;
};

// Both: the surest first. `ip`: where the function is, behind the call that it is in;
// `argument`: the register that the argument came in, or is passed in.
std::vector<ArgumentPlace> kept_by_callee(const CodeView& code, std::uint64_t ip,
                                          code::RegisterNumber argument);
std::vector<ArgumentPlace> passed_by_caller(const CodeView& code, std::uint64_t return_address,
                                            code::RegisterNumber argument);

}  // namespace ntstack::analysis
