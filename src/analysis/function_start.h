// Where the function begins that an address is in, and what tells so.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "analysis/code_view.h"

namespace ntstack::analysis {

enum class StartFrom : std::uint8_t {
  none,
  record,       // a procedure of the PDB or the DWARF
  unwind_data,  // an entry of the image's function table, the primary one of a chain
  symbol,       // the nearest symbol before it
  export_name,  // likewise, an export: others may lie between
  padding,      // code begins behind padding there
  given         // nothing tells: the address itself
};
std::string_view name_of(StartFrom from);  // "unwind_data": JSON

struct FunctionStart {
  std::uint64_t address = 0;
  StartFrom from = StartFrom::none;
  std::uint64_t end = 0;  // behind its last byte; 0: not known. Other parts may lie elsewhere
  bool is_guess() const { return from >= StartFrom::export_name; }
};

// Every way that tells, the best first.
std::vector<FunctionStart> function_starts(const CodeView& view, std::uint64_t address);

// The x64 or ARM64 entry that holds `address`; [begin, end), and the primary entry's begin: of
// ARM64's fragments, that of the function before them.
struct UnwindPart {
  std::uint64_t begin = 0, end = 0, primary = 0;
};
std::optional<UnwindPart> unwind_part_at(const CodeView& view, std::uint64_t address);

// The procedure of the PDB or DWARF that spans `address`: where it begins and ends.
std::optional<FunctionStart> procedure_at(const CodeView& view, std::uint64_t address);

}  // namespace ntstack::analysis
