// A procedure's local variables and parameters that have a place in its stack frame, from its
// symbol records. Layouts: Microsoft's published cvinfo.h, LLVM's CodeView sources.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pdb/module.h"
#include "pdb/pdb.h"

namespace ntstack::pdb {

// A local, its type and its function still by index.
struct LocalRecord {
  std::string_view name;
  std::uint32_t type = 0;
  std::uint32_t inlinee = 0;  // the item id of the inlined function whose it is; 0: its own
  bool is_parameter = false;
  std::vector<LocalPlace> places;  // at least one; that of the whole function first
};

struct ProcedureLocals {
  // S_FRAMEPROC: bytes of locals and outgoing arguments, and of saved registers.
  std::optional<std::uint32_t> frame_bytes, saved_bytes;
  std::vector<LocalRecord> locals;
};

// `procedure`: the offset of its record. Of what lies in nested blocks and inlined functions too;
// not of what is in registers alone, or relative to one that is no frame's base.
ProcedureLocals read_locals(const ModuleSymbols& module, std::uint32_t procedure,
                            std::uint32_t machine);

// "rsp", "ebp", "fp"; empty: not a register that frames are reached by.
std::string_view frame_register(std::uint16_t number, std::uint32_t machine);

}  // namespace ntstack::pdb
