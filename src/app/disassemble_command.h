// ntstack disassemble: the code at an address of a dump.
#pragma once

#include <cstdio>
#include <string>

#include "app/session.h"

namespace ntstack::app {

struct DisassembleOptions {
  DumpOptions dump;
  std::string address;     // "b958ecdf", "0xfffff804`5e688b51", "nt!IofCallDriver+0x45"
  bool function = false;   // the whole function that holds it
  std::size_t before = 0;  // so many instructions before it
  std::size_t count = 8;   // from it on
  bool call = false;       // what the call before it called
  bool json = false;
};

int run_disassemble(const DisassembleOptions& options, std::FILE* out, std::FILE* err);

}  // namespace ntstack::app
