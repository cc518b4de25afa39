#include "stacks/user_part.h"

#include "stacks/frame_names.h"
#include "target/user_process.h"
#include "target/wow64.h"

namespace ntstack::stacks {

UserPart::UserSpace& UserPart::space_of(const target::Process& process) {
  const auto [known, is_new] = spaces_.try_emplace(process.address);
  UserSpace& space = known->second;
  if (!is_new || !process.peb) return space;
  space.memory = machine_.kernel().address_space(process.directory_table_base.value_or(0));
  if (!space.memory) return space;
  const auto modules = target::read_user_modules(*space.memory, *process.peb, machine_.is_64_bit());
  space.symbolizer = make_(modules, *space.memory);
  space.stepper =
      std::make_unique<Stepper>(Space{machine_.dump().architecture, machine_.kernel().build(),
                                      space.memory.get(), space.symbolizer.get(), false});
  return space;
}

// The registers of a thread that was interrupted in 32-bit code: CS of its trap frame says so.
std::optional<unwind::x86::Registers> UserPart::running_32_bit_code(const Stack& stack) const {
  constexpr std::uint64_t kSegCs = 0x170;  // of x64's KTRAP_FRAME
  const auto* registers = std::get_if<unwind::x64::Registers>(&*stack.user_registers);
  if (!registers || stack.frames.size() < 2) return std::nullopt;
  const auto& trap_frame = stack.frames[stack.frames.size() - 2].trap_frame;
  const auto cs =
      trap_frame ? machine_.memory().get<std::uint16_t>(*trap_frame + kSegCs) : std::nullopt;
  if (!cs || !is_32_bit_code(*cs)) return std::nullopt;
  return narrowed(*registers);
}

void UserPart::add_64_bit_part(Stack& stack, UserSpace& space) const {
  if (!space.stepper || !space.memory->get<std::uint8_t>(sp_of(*stack.user_registers))) return;
  std::vector<target::StackSegment> known;
  if (stack.thread && stack.thread->teb) {
    if (const auto segment =
            target::read_user_stack(*space.memory, *stack.thread->teb, machine_.is_64_bit()))
      known.push_back(*segment);
  }
  Walk walk(machine_.dump().architecture, std::move(known), {});
  walk.push(*stack.user_registers, unwind::Trust::trap_frame, false);
  space.stepper->run(walk);
  name_frames(walk.stack.frames, *space.symbolizer);

  // Its first frame is the one that the kernel's part ends with: a guess leads to no facts.
  if (stack.frames.back().trust == unwind::Trust::scan)
    for (Frame& frame : walk.stack.frames) frame.trust = unwind::Trust::scan;
  stack.frames.pop_back();
  std::ranges::move(walk.stack.frames, std::back_inserter(stack.frames));
  std::ranges::move(walk.stack.segments, std::back_inserter(stack.segments));
  stack.end = walk.stack.end;
  stack.end_reason = std::move(walk.stack.end_reason);
}

void UserPart::add_32_bit_part(Stack& stack, UserSpace& space,
                               const std::optional<unwind::x86::Registers>& running) const {
  if (!machine_.is_64_bit() || !stack.thread || stack.thread->teb.value_or(0) == 0) return;
  const std::uint64_t teb = *stack.thread->teb;
  if (!space.wow64) {
    const auto thread = target::read_wow64_thread(*space.memory, teb);
    if (!thread) return;
    space.wow64_symbolizer =
        make_(target::read_user_modules(*space.memory, thread->peb, false), *space.memory);
    space.wow64 = std::make_unique<Wow64Part>(*space.memory, *space.wow64_symbolizer,
                                              machine_.kernel().build());
  }
  const bool is_guess = running && stack.frames.back().trust == unwind::Trust::scan;
  if (running) stack.frames.pop_back();  // the same, as 64-bit registers
  space.wow64->add_to(stack, teb, running);
  for (Frame& frame : stack.frames)
    if (is_guess && frame.is_wow64) frame.trust = unwind::Trust::scan;
}

void UserPart::add_to(Stack& stack) {
  if (stack.end != End::user_mode || !stack.user_registers || !stack.process || !make_) return;
  UserSpace& space = space_of(*stack.process);
  if (!space.memory) return;
  const auto running = running_32_bit_code(stack);
  if (!running) add_64_bit_part(stack, space);
  add_32_bit_part(stack, space, running);
}

symbols::Symbolizer* UserPart::symbolizer_of(const Stack& stack, const Frame& frame) const {
  const auto space = stack.process ? spaces_.find(stack.process->address) : spaces_.end();
  if (space == spaces_.end()) return nullptr;
  return (frame.is_wow64 ? space->second.wow64_symbolizer : space->second.symbolizer).get();
}

std::vector<symbols::Missing> UserPart::missing() const {
  std::vector<symbols::Missing> all;
  for (const auto& [address, space] : spaces_) {
    for (const auto* symbolizer : {space.symbolizer.get(), space.wow64_symbolizer.get()}) {
      if (!symbolizer) continue;
      const auto some = symbolizer->missing();
      all.insert(all.end(), some.begin(), some.end());
    }
  }
  return all;
}

}  // namespace ntstack::stacks
