// A whole stack, as every output shows it: where it began, its frames, how each was found, and why
// it ends where it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stacks/registers.h"
#include "symbols/symbolizer.h"
#include "target/machine.h"
#include "unwind/trust.h"

namespace ntstack::stacks {

struct Frame {
  std::uint64_t ip = 0;
  std::uint64_t child_sp = 0;              // the stack pointer in this frame
  bool child_sp_is_bound = false;          // ARM64 without images: it is there or higher
  std::optional<std::uint64_t> child_ebp;  // x86
  std::uint64_t return_address = 0;        // 0: none, or unknown
  std::optional<std::uint64_t>
      frame_bytes;  // of this frame alone; unknown for the last of a broken stack
  unwind::Trust trust = unwind::Trust::context;
  std::optional<std::uint64_t>
      trap_frame;             // this frame holds a trap frame; the next is what it interrupted
  bool is_call_site = false;  // ip is a return address
  bool is_inline = false;     // no frame of its own: inlined into the next that has one
  bool is_user = false;
  bool is_wow64 = false;  // 32-bit code of a 64-bit machine
  symbols::Symbol symbol;
};

enum class End : std::uint8_t {
  base,            // a return address of 0 at the stack's base: whole
  user_mode,       // the user part is not in the dump, or not asked for
  memory_missing,  // stack memory that is needed is not in the dump
  lost,            // no frame follows that could be told from garbage
  frame_limit      // more frames than are walked
};
std::string_view name_of(End end);

// Where a walk begins.
enum class Start : std::uint8_t {
  crash_context,      // the dump's header: what crashed
  processor_context,  // the processor's saved context
  thread_context,     // a user minidump's thread
  switch_frame,       // a thread that is not running
  search,             // the place of the stack that explains most of it
  interrupted,        // what a task gate or an interrupt stack interrupted, the rest being lost
  given,              // registers that somebody gave
  none                // nothing is known to begin from
};
std::string_view name_of(Start start);

struct Stack {
  std::optional<std::uint32_t> processor;
  const target::Thread* thread = nullptr;  // in the machine; null where unknown
  const target::Process* process = nullptr;
  Start start = Start::none;
  std::vector<target::StackSegment> segments;  // those that frames lie in, and the thread's own
  std::vector<Frame> frames;                   // youngest first
  // What the crashing processor did since: from the exception on to the bugcheck, down to
  // frames[0].
  std::vector<Frame> bugcheck_frames;
  // Where the kernel's part ends in user mode: the registers that user code entered it with.
  std::optional<Registers> user_registers;
  End end = End::lost;
  std::string end_reason;          // a sentence
  std::vector<std::string> notes;  // sentences: what is doubtful here

  // Where stacks of several dumps are put together: which of them this one is of, the dump whose
  // user part was put below it, and what that one calls the thread.
  std::uint32_t dump = 0;
  std::optional<std::uint32_t> user_dump;
  std::string thread_name;
  // How the capture found the thread before its APC went there: "WAIT: (WrResource)"; empty unless
  // a capture's own record says it.
  std::string listed_state;
  bool lacks_kernel_stack = false;  // a user dump's, of whose thread no kernel dump has anything
};

}  // namespace ntstack::stacks
