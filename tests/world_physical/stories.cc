#include "world_physical/stories.h"

#include <stdexcept>

#include "world/processors.h"
#include "world/seed1_story.h"

namespace ntstack::world {
namespace {

constexpr std::uint32_t service_read_file = 3, service_wait_single = 4, service_wait_multiple = 5,
                        service_delay = 6, service_remove_completion = 7;
constexpr std::uint64_t ntdll_return = 0x7ffa2fb4d124;  // behind ntdll's syscall instruction

class Runner {
 public:
  explicit Runner(KernelWorld& world) : world_(world) {}

  // A thread of its own for a story, on the next stack. 0: user memory as create_thread has it.
  Thread thread(const std::string& role, std::uint64_t teb = 0, std::uint64_t user_stack = 0) {
    next_stack_ += 0x9000;
    Thread made = world_.create_thread(world_.process(), role, 0x3404 + 4 * count_++, next_stack_);
    if (teb != 0) {
      made.teb = teb;
      made.user_stack = user_stack;
      world_.machine().map(user_stack & ~0xfffull, 0x2000);
    }
    return made;
  }
  Story finish(const Thread& thread, const ThreadTruth& truth) {
    return story_of(world_, thread, truth);
  }
  Story call(const Thread& thread, std::uint32_t service, std::vector<std::uint64_t> arguments) {
    const SystemCall request{service, ntdll_return, std::move(arguments)};
    return finish(thread, world_.run_until_captured(thread, request));
  }

 private:
  KernelWorld& world_;
  std::uint64_t next_stack_ = 0xfffff50f30000000;
  std::uint32_t count_ = 0;
};

// A system thread: nothing called its first function, and its return address is 0.
Story worker(KernelWorld& world, Runner& runner) {
  Machine& machine = world.machine();
  const Thread thread = runner.thread("system worker");
  world.make_current(thread);
  Cpu cpu;
  cpu.gpr[4] = machine.get(thread.ethread + world.layout().kthread.initial_stack) - 0x30;
  cpu.gpr[1] = world.nt("ExpWorkerThread");
  cpu.gpr[2] = world.pool(0x18);
  cpu.rip = world.nt("KiStartSystemThread");
  machine.set_cpu(cpu);
  ShadowFrame nothing;
  nothing.slot = cpu.rsp() + 0x28;
  nothing.caller_sp = cpu.rsp() + 0x30;
  nothing.entry = cpu.rip;
  machine.shadow = {nothing};
  const std::uint64_t begin = world.nt("SwapContext"), end = world.nt("RtlCaptureContext");
  machine.before_instruction = [&](std::uint64_t address) {
    return address >= begin && address < end &&
           machine.get(thread.ethread + world.layout().kthread.kernel_stack) == machine.cpu().rsp();
  };
  machine.run(0);
  machine.before_instruction = nullptr;
  ThreadTruth truth;
  truth.role = thread.role;
  truth.capture = Capture::switched_out;
  truth.segments = world.segments_of(thread, machine.cpu().rsp());
  truth.frames = frames_of(machine);
  truth.frames.erase(truth.frames.begin());
  return runner.finish(thread, truth);
}

// The main thread's kernel stack begins where the listing's may have.
std::vector<Story> console_threads(KernelWorld& world, Runner& runner) {
  std::vector<Story> stories;
  std::vector<Thread> threads;
  threads.push_back(runner.thread("reads a line", 0xfd877de000, 0xfd8797e108));
  threads.push_back(runner.thread("waits for one", 0xfd877e4000, 0xfd87bff5f8));
  threads.push_back(runner.thread("waits for three", 0xfd877e6000, 0xfd87cff6d8));
  threads.push_back(runner.thread("waits for two", 0xfd877e8000, 0xfd87dff7c8));
  const std::uint64_t objects = world.pool(0x18);
  for (unsigned i = 0; i < 3; i++) world.machine().put(objects + 8 * i, world.pool(0x18));
  stories.push_back(
      runner.call(threads[0], service_read_file, {world.pool(0x18), 0x54, 0x1f0a6b50000, 0x1000}));
  stories.push_back(runner.call(threads[1], service_wait_single, {world.pool(0x18), 0}));
  stories.push_back(runner.call(threads[2], service_wait_multiple, {3, objects, 1}));
  stories.push_back(runner.call(threads[3], service_wait_multiple, {2, objects, 1}));
  return stories;
}

void run_others(KernelWorld& world, Runner& runner, Stories& stories) {
  using namespace seed1_story;
  const std::uint64_t timeout = world.pool(8);
  stories.user.push_back(runner.call(runner.thread("sleeps"), service_delay, {0, timeout}));
  stories.user.push_back(runner.call(runner.thread("waits for a completion"),
                                     service_remove_completion, {world.pool(0x18), timeout}));
  stories.user.push_back(
      runner.call(runner.thread("waits for one"), service_wait_single, {world.pool(0x18), 1}));
  // One thread waits for the server on an expanded stack, with the file's resource; the next one
  // waits for the resource.
  offer_expansion_stack(world);
  const Thread owner = runner.thread("owner"), waiter = runner.thread("waits for the owner");
  stories.user.push_back(runner.finish(owner, run_owner(world, owner)));
  stories.user.push_back(runner.finish(waiter, run_worker(world, waiter)));
  stories.system.push_back(worker(world, runner));
}

}  // namespace

Story story_of(const KernelObjects& world, const Thread& thread, const ThreadTruth& truth) {
  Story story{thread.role, thread, truth, 5, 0, {}};
  const auto& k = world.layout().kthread;
  story.state = world.memory().get<std::uint8_t>(thread.ethread + k.state);
  story.wait_reason = world.memory().get<std::uint8_t>(thread.ethread + k.wait_reason);
  for (const StackSegment& segment : truth.segments)
    story.stacks.push_back(world.memory().read(segment.limit, segment.base - segment.limit));
  return story;
}

Stories run_stories(const std::filesystem::path& modules) {
  Stories stories;
  const auto made = std::make_shared<KernelWorld>(modules, windows_10_19041);
  stories.world = made;
  KernelWorld& world = *made;
  stories.crash = run_processors(world);
  // Nothing of the stories shows on the processors: their registers are in the truths by now.
  world.use_processor(0);
  Runner runner(world);
  const Thread next = runner.thread("next");
  world.machine().put(world.nt("KiWorld") + 0x10, next.ethread);
  stories.console = console_threads(world, runner);
  run_others(world, runner, stories);
  return stories;
}

std::string_view console_listing() {
  return R"(nt!KiSwapContext+0x76
nt!KiSwapThread+0x500
nt!KiCommitThreadWait+0x14f
nt!KeWaitForSingleObject+0x233
nt!IopWaitForSynchronousIoEvent+0x50
nt!IopSynchronousServiceTail+0x50b
nt!IopReadFile+0x7cc
nt!NtReadFile+0x8a8
nt!KiSystemServiceCopyEnd+0x25
)";
}

}  // namespace ntstack::world
