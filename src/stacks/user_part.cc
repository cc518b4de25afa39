#include "stacks/user_part.h"

#include "stacks/frame_names.h"
#include "target/user_process.h"

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

void UserPart::add_to(Stack& stack) {
  if (stack.end != End::user_mode || !stack.user_registers || !stack.process || !make_) return;
  UserSpace& space = space_of(*stack.process);
  const std::uint64_t sp = sp_of(*stack.user_registers);
  if (!space.stepper || !space.memory->get<std::uint8_t>(sp)) return;

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

std::vector<symbols::Missing> UserPart::missing() const {
  std::vector<symbols::Missing> all;
  for (const auto& [address, space] : spaces_) {
    if (!space.symbolizer) continue;
    const auto some = space.symbolizer->missing();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace ntstack::stacks
