// The same story on ARM64, whose processor pushes nothing: the kernel's own vectors make the
// frames.
#include <stdexcept>

#include "stackhog/story.h"
#include "world_arm64/kernel.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t upper = 0xfffff880ull << 32;
constexpr std::uint64_t stack_base = upper | 0xb8ae9000, page_fault_at = upper | 0x808b64a4;
constexpr std::uint64_t service_at = upper | 0x8082e80c;  // the system call in nt!ZwClose
constexpr std::uint64_t first_site = upper | 0x8081df64, view = 0xfffff980d2340000;
constexpr std::uint64_t user_pc = 0x7c8285ec;
constexpr std::uint64_t pcrs[] = {0xfffff80002fe0000, 0xfffff880009ea000, 0xfffff88002f00000,
                                  0xfffff88002f71000};
constexpr std::uint64_t dpc_stacks[] = {0xfffff80000ba3000, 0xfffff80000bb3000, 0xfffff88003ba0000,
                                        0xfffff88003bb2000};
constexpr std::uint64_t isr_stacks[] = {0xfffff80000bac000, 0xfffff80000bbc000, 0xfffff88003ba9000,
                                        0xfffff88003bbb000};
constexpr std::uint64_t idle_stacks[] = {0xfffff88002f5e000, 0xfffff88002f4e000,
                                         0xfffff88002f3e000};
constexpr std::uint64_t panic_stack = 0xfffff88003bd4000, pcr_panic_stack = 0x950;
constexpr std::uint32_t close_syndrome = 0x56000002;  // SVC of service 2
constexpr unsigned crashed = 3;
const KernelLayout& layout = windows_11_22000_arm64;

ThreadTruth truth_of(const Arm64World& world, const Thread& thread, unsigned processor) {
  const Arm64Machine& machine = world.machine();
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(machine);
  truth.context = context_of(machine.cpu(), machine.flags());
  truth.segments = world.segments_of(thread, machine.cpu().sp);
  return truth;
}

ThreadTruth idle(Arm64World& world, unsigned processor, const Thread& thread) {
  Arm64Machine& machine = world.machine();
  world.use_processor(processor);
  world.make_current(thread);
  machine.put(world.prcb(processor) + layout.prcb.idle_thread, thread.ethread);
  Arm64Cpu cpu = world.kernel_cpu(machine.get(thread.ethread + layout.kthread.initial_stack));
  cpu.x[19] = world.nt("KiIdleLoop");
  cpu.x[29] = cpu.x[30] = 0;
  cpu.pc = world.nt("KiStartSystemThread");
  machine.set_cpu(cpu);
  Arm64ShadowFrame nothing;
  nothing.caller = cpu;
  nothing.caller.pc = 0;
  nothing.entry = cpu.pc;
  machine.shadow = {nothing};
  const std::uint64_t wait = world.nt("HalProcessorIdleWait");
  machine.before_instruction = [=](std::uint64_t here) { return here == wait; };
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.pc = wait + 4;
  machine.set_cpu(cpu);
  return truth_of(world, thread, processor);
}

void overflow(Arm64World& world, const Thread& thread) {
  Arm64Machine& machine = world.machine();
  machine.stop_at_faults = true;
  machine.before_instruction = [](std::uint64_t here) { return here == service_at; };
  if (world.system_call(thread, {0, user_pc, {0x54, 0, 0, 0}}))
    throw std::runtime_error("the stack was large enough");
  for (;;) {
    Arm64Cpu cpu = machine.cpu();
    if (cpu.pc == service_at) {
      cpu.pc += 4;  // where the system call returns to
      machine.set_cpu(cpu);
      machine.take_trap({.handler = world.nt("KiSystemServiceVector"), .syndrome = close_syndrome});
    } else if (cpu.pc == page_fault_at) {
      machine.take_trap({.handler = world.nt("KiPageFaultVector"), .fault_address = view});
    } else {
      break;
    }
    machine.resume();
  }
  machine.stop_at_faults = false;
  machine.before_instruction = nullptr;
  if (machine.cpu().sp >= thread.stack_limit) throw std::runtime_error("a fault within the stack");
}

}  // namespace

StackHog build_stackhog_arm64(const std::filesystem::path& modules) {
  StackHog hog;
  const std::vector<std::string> images = stackhog_images();
  const auto made = std::make_shared<Arm64World>(modules, OnlyImages{images});
  hog.world = made;
  Arm64World& world = *made;
  Arm64Machine& machine = world.machine();
  for (unsigned i = 0; i < std::size(pcrs); i++)
    world.add_processor(pcrs[i], dpc_stacks[i], isr_stacks[i]);
  const std::uint64_t process = world.create_process(stackhog_process, stackhog_process_id);
  const Thread thread = world.create_thread(process, "StackHog", 0x0c70, stack_base);
  const std::uint64_t nobody = world.create_process("Idle", 0);
  for (unsigned i = 0; i < crashed; i++)
    hog.crash.threads.push_back(
        idle(world, i, world.create_thread(nobody, "idle", 4 * i, idle_stacks[i])));

  machine.map(panic_stack - layout.kernel_stack_size, layout.kernel_stack_size);
  machine.put(world.pcr(crashed) + pcr_panic_stack, panic_stack);
  world.use_processor(crashed);
  leave_old_contents(machine, thread, stack_base - layout.stack_control_size, 8);
  overflow(world, thread);
  machine.take_trap(
      {.handler = world.nt("KiStackOverflowVector"), .fault_address = machine.cpu().sp + 0x20});
  machine.shadow.back().frame_address = panic_stack - 0x150;
  const std::uint64_t bugcheck = world.nt("KeBugCheckEx");
  machine.before_instruction = [=](std::uint64_t here) { return here == bugcheck; };
  machine.resume();
  machine.before_instruction = nullptr;

  ThreadTruth truth = truth_of(world, thread, crashed);
  truth.user_rip = user_pc;
  truth.user_rsp = thread.user_stack & ~15ull;
  truth.segments[0].used_from = thread.stack_limit;
  truth.segments.insert(
      truth.segments.begin(),
      {panic_stack, panic_stack - layout.kernel_stack_size, panic_stack, machine.cpu().sp});
  finish(hog, truth, first_site);
  hog.crash.more = {{world.pcr(crashed) + pcr_panic_stack, 8}};
  return hog;
}

}  // namespace ntstack::world
