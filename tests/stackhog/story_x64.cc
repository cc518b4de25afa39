// The same story in a 64-bit kernel: page faults and a system call of the kernel's own leave
// machine frames, and the double fault comes on the stack that the TSS keeps for it.
#include <stdexcept>

#include "stackhog/story.h"
#include "world/kernel_world.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t upper = 0xfffff880ull << 32;
constexpr std::uint64_t stack_base = upper | 0xb8ae9000, page_fault_at = upper | 0x808b64a6;
constexpr std::uint64_t first_site = upper | 0x8081df65, view = 0xfffff980d2340000;
constexpr std::uint64_t user_rip = 0x7c8285ec;
constexpr std::uint64_t pcrs[] = {0xfffff80002fe0000, 0xfffff880009ea000, 0xfffff88002f00000,
                                  0xfffff88002f71000};
constexpr std::uint64_t dpc_stacks[] = {0xfffff80000ba3000, 0xfffff80000bb3000, 0xfffff88003ba0000,
                                        0xfffff88003bb2000};
constexpr std::uint64_t idle_stacks[] = {0xfffff88002f5e000, 0xfffff88002f4e000,
                                         0xfffff88002f3e000};
constexpr std::uint64_t ist_stack = 0xfffff88003bd4000;
constexpr std::uint64_t pcr_tss = 8, tss_ist1 = 0x24;
constexpr unsigned crashed = 3;
const KernelLayout& layout = windows_10_19041;

ThreadTruth truth_of(const KernelWorld& world, const Thread& thread, unsigned processor) {
  const Machine& machine = world.machine();
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(machine);
  truth.context = context_of(machine.cpu(), machine.flags());
  truth.segments = world.segments_of(thread, machine.cpu().rsp());
  return truth;
}

ThreadTruth idle(KernelWorld& world, unsigned processor, const Thread& thread) {
  Machine& machine = world.machine();
  world.use_processor(processor);
  world.make_current(thread);
  machine.put(world.prcb(processor) + layout.prcb.idle_thread, thread.ethread);
  Cpu cpu;
  ShadowFrame nothing;
  nothing.slot = machine.get(thread.ethread + layout.kthread.initial_stack) - 8;
  nothing.caller_sp = nothing.slot + 8;
  cpu.gpr[4] = nothing.slot;
  nothing.entry = cpu.rip = world.nt("KiIdleLoop");
  machine.set_cpu(cpu);
  machine.shadow = {nothing};
  const std::uint64_t after_halt = world.nt("HalProcessorIdle") + 6;
  machine.before_instruction = [=](std::uint64_t here) { return here == after_halt - 1; };
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.rip = after_halt;
  machine.set_cpu(cpu);
  return truth_of(world, thread, processor);
}

void overflow(KernelWorld& world, const Thread& thread) {
  Machine& machine = world.machine();
  machine.machine_frame_entries = {{world.nt("KiServiceInternal"), 0}};
  machine.stop_at_faults = true;
  if (world.system_call(thread, {0, user_rip, {0x54, 0, 0, 0}}))
    throw std::runtime_error("the stack was large enough");
  while (machine.cpu().rip == page_fault_at) {
    machine.set_fault_address(view);
    machine.interrupt({.handler = world.nt("KiPageFault"), .error_code = 0});
    machine.resume();
  }
  machine.stop_at_faults = false;
  if (machine.cpu().rsp() >= thread.stack_limit)
    throw std::runtime_error("a fault within the stack");
}

// What the processor does where it can't push a page fault's frame: IST1, and an error code of 0.
void double_fault(KernelWorld& world) {
  Machine& machine = world.machine();
  const Cpu was = machine.cpu();
  Cpu now = was;
  std::uint64_t sp = machine.get(machine.get(world.pcr(crashed) + pcr_tss) + tss_ist1);
  for (const std::uint64_t word :
       {std::uint64_t{0x18}, was.rsp(), machine.flags(), std::uint64_t{0x10}, was.rip})
    machine.put(sp -= 8, word);
  ShadowFrame frame;
  frame.return_address = was.rip;
  frame.slot = sp;
  frame.caller_sp = was.rsp();
  frame.caller_gpr = was.gpr;
  frame.entry = now.rip = world.nt("KiDoubleFaultAbort");
  frame.machine_frame = frame.error_code = true;
  machine.shadow.push_back(frame);
  machine.put(sp -= 8, std::uint64_t{0});
  now.gpr[4] = sp;
  machine.set_cpu(now);
}

}  // namespace

StackHog build_stackhog_x64(const std::filesystem::path& modules) {
  StackHog hog;
  const std::vector<std::string> images = stackhog_images();
  const auto made = std::make_shared<KernelWorld>(modules, layout, OnlyImages{images});
  hog.world = made;
  KernelWorld& world = *made;
  Machine& machine = world.machine();
  for (unsigned i = 0; i < std::size(pcrs); i++) world.add_processor(pcrs[i], dpc_stacks[i], 0);
  const std::uint64_t process = world.create_process(stackhog_process, stackhog_process_id);
  const Thread thread = world.create_thread(process, "StackHog", 0x0c70, stack_base);
  const std::uint64_t nobody = world.create_process("Idle", 0);
  for (unsigned i = 0; i < crashed; i++)
    hog.crash.threads.push_back(
        idle(world, i, world.create_thread(nobody, "idle", 4 * i, idle_stacks[i])));

  machine.map(ist_stack - layout.kernel_stack_size, layout.kernel_stack_size);
  const std::uint64_t tss = world.pool(0x68);
  machine.put(tss + tss_ist1, ist_stack);
  machine.put(world.pcr(crashed) + pcr_tss, tss);
  world.use_processor(crashed);
  leave_old_contents(machine, thread, stack_base - layout.stack_control_size, 8);
  overflow(world, thread);
  double_fault(world);
  const std::uint64_t bugcheck = world.nt("KeBugCheckEx");
  machine.before_instruction = [=](std::uint64_t here) { return here == bugcheck; };
  machine.resume();
  machine.before_instruction = nullptr;

  ThreadTruth truth = truth_of(world, thread, crashed);
  truth.user_rip = user_rip;
  truth.user_rsp = thread.user_stack;
  truth.segments[0].used_from = thread.stack_limit;
  truth.segments.insert(truth.segments.begin(), {ist_stack, ist_stack - layout.kernel_stack_size,
                                                 ist_stack, machine.cpu().rsp()});
  finish(hog, truth, first_site);
  hog.crash.more = {{world.pcr(crashed), 0x20}, {tss, 0x68}};
  return hog;
}

}  // namespace ntstack::world
