// What threads of the 32-bit machine do.
#include "world/layout.h"
#include "world_physical/stories.h"
#include "world_x86/stories.h"

namespace ntstack::world {
namespace {

constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
constexpr std::uint32_t user_ip = 0x77a62a2a;
constexpr std::uint32_t expanded_base = 0x92d70000, expanded_size = 0x12000;
constexpr std::uint64_t first_stack = 0x8fa03000, between_stacks = 0x8000;
// In KiWorld: the stack for expansion, the thread that comes next.
constexpr std::uint32_t world_stack_base = 0, world_stack_limit = 4, world_next_thread = 8;

Thread thread_for(X86World& world, const char* role, std::uint32_t number) {
  return world.create_thread(world.process(), role, 0x3404 + 4 * number,
                             first_stack + between_stacks * number);
}

Story create(X86World& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const std::uint64_t here = thread.user_stack;
  const SystemCall call{
      service_create_file, user_ip, {here + 0x80, 0x120089, attributes, here + 0x90, 0, 0}};
  return story_of(world, thread, world.run_until_captured(thread, call));
}

Story query(X86World& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const SystemCall call{
      service_query_full_attributes, user_ip, {attributes, thread.user_stack + 0x80}};
  return story_of(world, thread, world.run_until_captured(thread, call));
}

// A system thread: nothing called its first function, a wait for a queue, and its return address is
// 0.
Story worker(X86World& world, const Thread& thread) {
  X86Machine& machine = world.machine();
  world.make_current(thread);
  const auto queue = static_cast<std::uint32_t>(world.pool(0x20));
  machine.put(queue + 8, queue + 8);  // DISPATCHER_HEADER.WaitListHead
  machine.put(queue + 12, queue + 8);
  const std::uint32_t arguments[] = {0, queue, 15, 0, 0, 0};
  X86Cpu cpu;
  X86ShadowFrame nothing;
  nothing.slot = cpu.gpr[4] = world.trap_stack() - sizeof arguments;
  for (std::uint32_t i = 0; i < std::size(arguments); i++)
    machine.put(nothing.slot + 4 * i, arguments[i]);
  nothing.entry = cpu.eip = world.at("KeWaitForSingleObject");
  machine.set_cpu(cpu);
  machine.shadow = {nothing};
  const std::uint32_t saved = world.at("SwapContextSaved");
  machine.before_instruction = [=](std::uint32_t address) { return address == saved; };
  machine.run(0);
  machine.before_instruction = nullptr;
  ThreadTruth truth;
  truth.role = thread.role;
  truth.capture = Capture::switched_out;
  truth.segments = world.segments_of(thread, machine.cpu().esp());
  truth.frames = frames_of(machine);
  truth.frames.erase(truth.frames.begin());
  return story_of(world, thread, truth);
}

// One thread waits for the server on an expanded stack, with the file's resource; the next one
// waits for the resource.
Stories stories_beside(X86Crash crash) {
  Stories stories;
  const std::shared_ptr<X86World> made = std::move(crash.world);
  stories.world = made;
  X86World& world = *made;
  stories.crash = crash;
  world.use_processor(0);
  const Thread next = thread_for(world, "next", 0);
  const std::uint32_t outside = world.at("KiWorld");
  world.machine().map(expanded_base - expanded_size, expanded_size);
  world.machine().put(outside + world_stack_base, expanded_base);
  world.machine().put(outside + world_stack_limit, expanded_base - expanded_size);
  world.machine().put(outside + world_next_thread, static_cast<std::uint32_t>(next.ethread));
  stories.user.push_back(create(world, thread_for(world, "owner", 1)));
  stories.user.push_back(query(world, thread_for(world, "waits for the owner", 2)));
  stories.system.push_back(worker(world, thread_for(world, "system worker", 3)));
  return stories;
}

}  // namespace

Stories run_x86_stories(const std::filesystem::path& modules, const KernelLayout& layout) {
  return stories_beside(build_x86_processors(modules, layout));
}

Stories run_x86_double_fault(const std::filesystem::path& modules, const KernelLayout& layout) {
  return stories_beside(build_x86_double_fault(modules, layout));
}

}  // namespace ntstack::world
