// How a frame was found. A guess never looks like a fact.
#pragma once

#include <cstdint>
#include <string_view>

namespace ntstack::unwind {

enum class Trust : std::uint8_t {
  context,        // a processor's or thread's saved CONTEXT
  switch_frame,   // the KSWITCH_FRAME of a thread that is not running
  unwind_info,    // the image's unwind data (x64, ARM64), leaf functions by its absence included
  frame_data,     // a PDB's FrameData program (x86)
  fpo,            // a PDB's FPO record (x86)
  frame_pointer,  // the chain of saved frame pointers
  code,           // the function's own code from its start to here, no record being at hand (x86)
  trap_frame,     // a trap or machine frame was crossed
  stack_switch,   // a change to another stack of the same thread
  // Unwound exactly: from a frame that was looked for, to where a stack must come out; or down to
  // where the stack is found to be written over. But no call proves that it is live, and not of an
  // earlier call that has returned.
  reconstructed,
  scan  // a slot of the stack that follows a call: a guess
};

constexpr std::string_view name_of(Trust trust) {
  switch (trust) {
    case Trust::context:
      return "context";
    case Trust::switch_frame:
      return "switch_frame";
    case Trust::unwind_info:
      return "unwind_info";
    case Trust::frame_data:
      return "frame_data";
    case Trust::fpo:
      return "fpo";
    case Trust::frame_pointer:
      return "frame_pointer";
    case Trust::code:
      return "code";
    case Trust::trap_frame:
      return "trap_frame";
    case Trust::stack_switch:
      return "stack_switch";
    case Trust::reconstructed:
      return "reconstructed";
    case Trust::scan:
      return "scan";
  }
  return "unknown";
}

}  // namespace ntstack::unwind
