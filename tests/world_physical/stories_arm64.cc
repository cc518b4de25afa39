// What threads of the ARM64 machine do.
#include "world/seed1_story.h"
#include "world_arm64/stories.h"
#include "world_physical/stories.h"

namespace ntstack::world {
namespace {

Thread thread_for(Arm64World& world, const char* role, std::uint32_t number) {
  return world.create_thread(world.process(), role, 0x3404 + 4 * number,
                             0xfffff50f30009000 + 0x9000ull * number);
}

// A system thread: nothing called KiStartSystemThread, and its return address is 0. Its routine is
// a wait for a queue.
Story worker(Arm64World& world, const Thread& thread) {
  Arm64Machine& machine = world.machine();
  world.make_current(thread);
  const std::uint64_t queue = world.pool(0x20);
  machine.put(queue + 8, queue + 8);  // DISPATCHER_HEADER.WaitListHead
  machine.put(queue + 16, queue + 8);
  Arm64Cpu cpu =
      world.kernel_cpu(machine.get(thread.ethread + world.layout().kthread.initial_stack));
  cpu.x[1] = 15;  // the wait's reason
  cpu.x[2] = cpu.x[3] = cpu.x[4] = 0;
  cpu.x[19] = world.nt("KeWaitForSingleObject");
  cpu.x[20] = queue;
  cpu.x[29] = cpu.x[30] = 0;
  cpu.pc = world.nt("KiStartSystemThread");
  machine.set_cpu(cpu);
  Arm64ShadowFrame nothing;
  nothing.caller = cpu;
  nothing.caller.pc = 0;
  nothing.entry = cpu.pc;
  machine.shadow = {nothing};
  const std::uint64_t saved = world.nt("SwapContextSaved");
  machine.before_instruction = [=](std::uint64_t address) { return address == saved; };
  machine.run(0);
  machine.before_instruction = nullptr;
  ThreadTruth truth;
  truth.role = thread.role;
  truth.capture = Capture::switched_out;
  truth.segments = world.segments_of(thread, machine.cpu().sp);
  truth.frames = frames_of(machine);
  truth.frames.erase(truth.frames.begin());
  return story_of(world, thread, truth);
}

}  // namespace

// One thread waits for the server on an expanded stack, with the file's resource; the next one
// waits for the resource.
Stories run_arm64_stories(const std::filesystem::path& modules) {
  using namespace seed1_story;
  Stories stories;
  Arm64Processors crash = build_arm64_processors(modules);
  const std::shared_ptr<Arm64World> made = std::move(crash.world);
  stories.world = made;
  Arm64World& world = *made;
  stories.crash = crash;
  world.use_processor(0);
  const Thread next = thread_for(world, "next", 0);
  world.machine().put(world.nt("KiWorld") + 0x10, next.ethread);
  offer_expansion_stack(world);
  const Thread owner = thread_for(world, "owner", 1);
  stories.user.push_back(story_of(world, owner, run_owner(world, owner)));
  const Thread waiter = thread_for(world, "waits for the owner", 2);
  stories.user.push_back(story_of(world, waiter, run_worker(world, waiter)));
  stories.system.push_back(worker(world, thread_for(world, "system worker", 3)));
  return stories;
}

}  // namespace ntstack::world
