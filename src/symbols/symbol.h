// What an address is called: module!name+offset [file @ line], and what was inlined there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ntstack::symbols {

struct SourceLine {
  std::string file;
  std::uint32_t line = 0;
};

struct Symbol {
  std::string module;        // "nt", "fltmgr": as WinDbg names it (nt for every kernel)
  std::string name;          // empty: module+offset alone
  std::uint64_t offset = 0;  // from the name, or from the module's base where there is no name
  // Known from the export table alone: the offset may be of another function.
  bool is_export = false;
  std::optional<SourceLine> source;
  // "nt!KeWaitForSingleObject+0x19f", "rdbss+0x1c0"; names made printable.
  std::string text() const;
};

// The function at an address, the functions inlined there first (innermost first), then the real
// one.
struct Frames {
  std::vector<Symbol> inlined;
  Symbol function;
};

}  // namespace ntstack::symbols
