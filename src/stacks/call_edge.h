// Did a frame's caller call the function that the frame is in? What tells a frame that is live from
// what an earlier call left on the stack: a return address says which call it is of, and the code
// before it where that call went.
#pragma once

#include <cstdint>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "stacks/module_map.h"

namespace ntstack::stacks {

enum class CallEdge : std::uint8_t {
  no_code,    // the code before the return address is not at hand
  unknown,    // a call is there, and where it goes is not known: a register or a tail call decides
  matches,    // the call goes to the function that the frame is in
  differs,    // the call goes to another one, which does not jump to the frame's
  elsewhere,  // x86: the call goes to another one, of whose jumps nothing is known
  no_call     // no call ends at the return address
};

// The call is known not to be of the frame's function, or all but.
inline bool is_against(CallEdge edge) {
  return edge == CallEdge::differs || edge == CallEdge::elsewhere || edge == CallEdge::no_call;
}

struct CodeAtHand {
  base::Architecture architecture = base::Architecture::unknown;
  const ModuleMap* modules = nullptr;        // never null
  const base::ByteSource* memory = nullptr;  // the dump's alone: pointers that calls go through
  const base::ByteSource* code = nullptr;    // the dump's, and images behind it
};

// `ip`: of the frame; `is_call_site`: it is itself a return address.
CallEdge call_edge(const CodeAtHand& at_hand, std::uint64_t ip, bool is_call_site,
                   std::uint64_t return_address);

}  // namespace ntstack::stacks
