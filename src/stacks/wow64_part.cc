#include "stacks/wow64_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "stacks/frame_names.h"
#include "target/wow64.h"

namespace ntstack::stacks {
namespace {

constexpr std::uint16_t kCode32 = 0x23;  // the selector of 32-bit user code

// Why the 64-bit part ended, where it did so too early: what follows hides it otherwise.
void keep_end_of_64_bit_part(Stack& stack) {
  if (stack.end == End::base || stack.frames.empty()) return;
  stack.notes.push_back(
      fmt::format("the 64-bit part of the stack is not whole: {}", stack.end_reason));
}

}  // namespace

bool is_32_bit_code(std::uint16_t cs) { return cs == kCode32; }

unwind::x86::Registers narrowed(const unwind::x64::Registers& registers) {
  unwind::x86::Registers narrow;
  for (std::size_t i = 0; i < narrow.gpr.size(); ++i)
    narrow.gpr[i] = static_cast<std::uint32_t>(registers.gpr[i]);
  narrow.eip = static_cast<std::uint32_t>(registers.rip);
  narrow.known = registers.known & 0xff;
  return narrow;
}

void Wow64Part::add_to(Stack& stack, std::uint64_t teb,
                       const std::optional<unwind::x86::Registers>& running) {
  const auto thread = target::read_wow64_thread(memory_, teb);
  if (!thread && !running) return;
  std::optional<Registers> start;
  if (running)
    start = *running;
  else
    start = registers_of_context(base::Bytes(std::span(thread->context)), base::Architecture::x86);
  if (!start) {
    stack.notes.push_back(
        "the thread's 32-bit part is not shown: the registers that WOW64 keeps of it are not in "
        "the dump");
    return;
  }
  std::vector<target::StackSegment> known;
  if (thread && thread->stack) known.push_back(*thread->stack);
  Walk walk(base::Architecture::x86, std::move(known), {});
  walk.push(*start, running ? unwind::Trust::trap_frame : unwind::Trust::context, false);
  stepper_.run(walk);
  name_frames(walk.stack.frames, symbolizer_);
  if (!running) keep_end_of_64_bit_part(stack);
  for (Frame& frame : walk.stack.frames) {
    frame.is_wow64 = true;
    frame.is_user = true;
    stack.frames.push_back(std::move(frame));
  }
  std::ranges::move(walk.stack.segments, std::back_inserter(stack.segments));
  stack.end = walk.stack.end;
  stack.end_reason = std::move(walk.stack.end_reason);
}

}  // namespace ntstack::stacks
