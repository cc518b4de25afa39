// What kv says behind an x86 frame, in WinDbg's words (its documentation of kv).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "pdb/pdb.h"

namespace ntstack::console {

// What is known of a function's frame.
struct FrameRecord {
  std::optional<pdb::FpoRecord> fpo;
  bool has_frame_data = false;
  std::string_view decorated_name;          // of its public; empty: not known
  std::optional<std::uint64_t> trap_frame;  // that the frame holds
};

// " (FPO: [2,0,4])", " (FPO: [0,0] TrapFrame @ b8ae64b0)", " (FPO: [Non-Fpo]) (CONV: stdcall)".
std::string frame_note(const FrameRecord& record);

// "stdcall", "cdecl", "fastcall", "thiscall", by how the name is decorated; empty: it does not say.
std::string_view calling_convention_of(std::string_view decorated_name);

}  // namespace ntstack::console
