// ntstack symbolize: names for the addresses of one image, as addr2line gives them. It holds no
// dump: the image and its PDB are all that it opens.
#pragma once

#include <cstdint>
#include <cstdio>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "app/session.h"

namespace ntstack::app {

struct SymbolizeOptions {
  std::string image;                  // a PE image, or a PDB alone
  std::string pdb;                    // its PDB; empty: looked for beside the image and on the path
  DumpOptions paths;                  // the symbol path; its dump is not used
  std::optional<std::uint64_t> base;  // addresses are of an image loaded there; else they are RVAs
  std::vector<std::string> addresses;  // in hexadecimal; empty: a line each from `in`
  bool inlines = false;                // functions inlined at an address follow it, a line each
  bool json_lines = false;             // one JSON object a line instead of text
};

// For each address one line:
//   ADDRESS module!name+0x12 [file @ line]
// ADDRESS as it was given; "ADDRESS ??" where nothing is known. With `inlines`, a line
//   "  (inlined) module!name [file @ line]"
// follows for each function inlined there, the innermost first; the line of the function itself is
// then, as always, that of the call in it. An address may have "0x" and '`'.
// Returns the exit code: 0, or 1 with a sentence to `err` where the image or PDB can't be used.
int run_symbolize(const SymbolizeOptions& options, std::istream& in, std::FILE* out,
                  std::FILE* err);

}  // namespace ntstack::app
