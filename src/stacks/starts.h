// Where a thread's stack may begin, when the registers that the dump has lead nowhere or are not
// there: every place that could be a start, tried by exact steps and ranked by how much it
// explains.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "stacks/stepper.h"
#include "target/machine.h"

namespace ntstack::stacks {

// What speaks for a start.
enum class StartOrigin : std::uint8_t {
  context,         // the registers that the dump has of the processor
  task,            // x86: the TSS of the task that a task gate interrupted
  ist,             // x64: what the processor pushed on an interrupt stack table's stack
  switch_frame,    // where the thread was switched away
  trap_frame,      // a KTRAP_FRAME on the stack, by its marks
  frame_pointers,  // a chain of saved frame pointers beside return addresses
  return_address   // a return address from which exact steps lead on
};
std::string_view name_of(StartOrigin origin);

struct StartCandidate {
  StartOrigin origin = StartOrigin::return_address;
  std::uint64_t at = 0;  // where it lies on the stack; of contexts and tasks their stack pointer
  Registers registers;
  bool is_call_site = true;
  Lead lead;

  // Frames that its exact steps explain, its own included.
  std::size_t frames() const { return lead.frames.size(); }
  // Of those, and of the best that follow where its way is cut short.
  std::size_t explained = 0;
};

// The best first: those that no call disproves, then by the frames that they explain, then by how
// young they are. A start that is a frame of a better one is left out. `walk` gives stacks, anchors
// and the thread; `given`: starts that are known otherwise.
std::vector<StartCandidate> find_starts(Stepper& stepper, const Walk& walk,
                                        const target::StackSegment& stack,
                                        std::vector<StartCandidate> given);

// What was pushed on top of an IST stack when it was entered from the kernel: the registers of what
// was interrupted; nothing where no such frame lies there. `is_stack`: whether an address is on a
// stack that may have been interrupted.
struct IstFrame {
  std::uint64_t at = 0;  // of the pushed RIP
  Registers registers;
};
std::optional<IstFrame> read_ist_frame(const base::ByteSource& memory, std::uint64_t top);

}  // namespace ntstack::stacks
