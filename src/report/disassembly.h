// `ntstack disassemble` and the console's u, ub, uf: disassembly as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/called.h"
#include "analysis/function_code.h"
#include "analysis/listing.h"
#include "report/facts.h"
#include "report/text.h"

namespace ntstack::report {

// One of these is there.
struct DisassemblyFacts {
  DumpFacts of;
  std::uint64_t address = 0;  // what was asked for
  bool is_64_bit = true;      // the code there
  std::optional<analysis::Listing> listing;
  std::optional<analysis::FunctionCode> function;
  std::optional<analysis::Called> called;
  std::vector<symbols::Missing> missing;
};

// The operands with names: "nt!IofCallDriver (8081df20)".
std::string operands_text(const analysis::Line& line, bool is_64_bit);
// `b958ecd9 ff15906059b9     call    dword ptr [a!_imp__X (b9596090)] -> b!f (b8d8c0d0)`, a line.
std::string line_text(const analysis::Line& line, bool is_64_bit);

std::string listing_text(const analysis::Listing& listing, bool is_64_bit);
std::string function_text(const analysis::FunctionCode& function, bool is_64_bit);
std::string called_text(const analysis::Called& called, bool is_64_bit);
// The same in a line: `; called b!f (b8d8c0d0), read from a!_imp__X (b9596090)`. Empty where no
// call is before the address.
std::string called_line(const analysis::Called& called, bool is_64_bit);

std::string disassembly_text(const DisassemblyFacts& facts);
std::string disassembly_json(const DisassemblyFacts& facts);

}  // namespace ntstack::report
