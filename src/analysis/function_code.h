// A whole function (uf): its instructions by control flow from its start, its separate parts too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/listing.h"

namespace ntstack::analysis {

// Instructions that lie together, of one part of the function.
struct CodeBlock {
  std::uint64_t begin = 0, end = 0;
  std::vector<Line> lines;
};

struct FunctionCode {
  FunctionStart start;
  std::string symbol;              // "nt!IofCallDriver"
  std::vector<CodeBlock> blocks;   // by address; one begins wherever something branches to
  std::size_t instructions = 0;    // of all blocks
  std::size_t unreached = 0;       // of them
  bool is_cut = false;             // there are more than kMostOfFunction
  std::vector<std::string> notes;  // a sentence each
};

inline constexpr std::size_t kMostOfFunction = 50000;  // instructions

// The function that holds `address`. Where records tell what belongs to it (a procedure of the PDB,
// unwind data, chained entries), these count; else its code is what is reached before padding.
FunctionCode function_code(const CodeView& view, std::uint64_t address);

// Where branches of the function that holds `address` lead within it, and its start; sorted.
std::vector<std::uint64_t> labels_of(const CodeView& view, std::uint64_t address);

}  // namespace ntstack::analysis
