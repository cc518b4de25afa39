// Seed 3 itself: from user mode's call down to where the stack ends, and the double fault.
#include <stdexcept>

#include "stackhog/story.h"
#include "world_x86/kernel.h"

namespace ntstack::world {
namespace {

constexpr std::uint32_t stack_base = 0xb8ae9000, stack_limit = 0xb8ae6000;
constexpr std::uint32_t process_at = 0x874c6800;
constexpr std::uint32_t user_ip = 0x7c8285ec, user_ebp = 0x0335e534;
constexpr std::uint32_t page_fault_at = 0x808b64a6, view = 0xd2340000;  // nt!CcMapData+0x8c
constexpr std::uint32_t service_return = 0x8082e811;                    // nt!ZwClose+0x11
constexpr std::uint32_t first_site = 0x8081df65;  // nt!IofCallDriver+0x45, the listing's first
constexpr std::uint32_t pcrs[] = {0x807c4000, 0x807cc000, 0x807d4000, 0x807dc000};
constexpr std::uint32_t dpc_stacks[] = {0x8b4ba000, 0x8b4be000, 0x8b4c2000, 0x8b4c6000};
constexpr std::uint32_t idle_stacks[] = {0x8b440000, 0x8b448000, 0x8b450000};
constexpr std::uint32_t double_fault_stack = 0x8b4d3000;
constexpr unsigned crashed = 3;

// InitialStack is the stack's very end, as before Windows Vista: the trap frame lies where it does
// in the seed.
constexpr KernelLayout layout = [] {
  KernelLayout windows = windows_7_7601_x86;
  windows.stack_control_size = 0;
  windows.pool = 0x874c0000;
  return windows;
}();

Thread thread_on(X86World& world, std::uint64_t process, const char* role, std::uint32_t id,
                 std::uint32_t base) {
  world.machine().map(base, 0x1000);  // of another's, beyond the end
  return world.create_thread(process, role, id, base);
}

// The words of the seed's listing that no call of the story writes are an earlier call's.
void leave_seeds_words(X86Machine& machine) {
  constexpr std::uint32_t shown[] = {0x8b4abb00, 0x87758bd8, 0,          0x89751350,
                                     0x80,       0,          0xb8ae6130, 0x8084cff9};
  for (std::uint32_t i = 0; i < std::size(shown); i++) machine.put(0xb8ae6108 + 4 * i, shown[i]);
}

ThreadTruth truth_of(const X86World& world, const Thread& thread, unsigned processor) {
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(world.machine());
  truth.context = context_of(world.machine().cpu(), world.machine().flags());
  truth.segments = world.segments_of(thread, world.machine().cpu().esp());
  return truth;
}

ThreadTruth idle(X86World& world, unsigned processor, const Thread& thread) {
  X86Machine& machine = world.machine();
  world.use_processor(processor);
  world.make_current(thread);
  machine.put(world.prcb(processor) + layout.prcb.idle_thread,
              static_cast<std::uint32_t>(thread.ethread));
  X86Cpu cpu;
  X86ShadowFrame nothing;
  nothing.slot = cpu.gpr[4] = world.trap_stack() - 4;
  nothing.entry = cpu.eip = world.at("KiIdleLoop");
  machine.set_cpu(cpu);
  machine.shadow = {nothing};
  const std::uint32_t halt = world.at("HalProcessorIdleHalt");
  machine.before_instruction = [=](std::uint32_t here) { return here == halt; };
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.eip = halt + 1;
  machine.set_cpu(cpu);
  return truth_of(world, thread, processor);
}

// The story: a system call, whose views of files are paged in, until the stack is at its end.
void overflow(X86World& world, const Thread& thread) {
  X86Machine& machine = world.machine();
  SystemCall call{0, user_ip, std::vector<std::uint64_t>(6, 0x335e540)};
  machine.stop_at_faults = true;
  if (world.system_call(thread, call)) throw std::runtime_error("the stack was large enough");
  while (machine.cpu().eip == page_fault_at) {
    machine.set_fault_address(view);
    machine.interrupt({.handler = world.at("_KiTrap0E"), .error_code = 0});
    machine.resume();
  }
  machine.stop_at_faults = false;
  if (machine.cpu().esp() >= stack_limit) throw std::runtime_error("a fault within the stack");
  // The call of a kernel function that makes a system call of its own: a trap frame is made, and
  // what is popped in the end is EIP, CS and the flags.
  for (X86ShadowFrame& frame : machine.shadow) {
    if (frame.return_address != service_return) continue;
    frame.trap = true;
    frame.caller_gpr[4] = frame.slot + 12;
  }
}

}  // namespace

StackHog build_stackhog_x86(const std::filesystem::path& modules) {
  StackHog hog;
  const std::vector<std::string> images = stackhog_images();
  const auto made = std::make_shared<X86World>(modules, layout, OnlyImages{images});
  hog.world = made;
  X86World& world = *made;
  X86Machine& machine = world.machine();
  for (unsigned i = 0; i < std::size(pcrs); i++) world.add_processor(pcrs[i], dpc_stacks[i]);
  world.pool(process_at - world.pool(0));
  const std::uint64_t process = world.create_process(stackhog_process, stackhog_process_id);
  Thread thread = thread_on(world, process, "StackHog", 0x0c70, stack_base);
  thread.user_stack = user_ebp - 0x60;
  machine.map(thread.user_stack & ~0xfffull, 0x1000);
  leave_old_contents(machine, thread, stack_base, 4);
  leave_seeds_words(machine);
  const std::uint64_t nobody = world.create_process("Idle", 0);
  for (unsigned i = 0; i < crashed; i++)
    hog.crash.threads.push_back(
        idle(world, i, thread_on(world, nobody, "idle", 4 * i, idle_stacks[i])));

  world.use_processor(crashed);
  world.make_current(thread);
  const std::uint32_t task = world.make_double_fault_task(double_fault_stack);
  overflow(world, thread);
  machine.switch_task(world.tss(crashed), task);
  const std::uint32_t bugcheck = world.at("KeBugCheckEx");
  machine.before_instruction = [=](std::uint32_t here) { return here == bugcheck; };
  machine.resume();
  machine.before_instruction = nullptr;

  ThreadTruth truth = truth_of(world, thread, crashed);
  truth.user_rip = user_ip;
  truth.user_rsp = thread.user_stack;
  // Where the processor left the thread's stack; it is below its limit.
  truth.segments[0].used_from = stack_limit;
  truth.segments.insert(truth.segments.begin(),
                        {double_fault_stack, double_fault_stack - layout.kernel_stack_size,
                         double_fault_stack, machine.cpu().esp()});
  finish(hog, truth, first_site);
  hog.crash.more = {{world.pcr(crashed), 0x120},
                    {X86Machine::gdt_address, 0x100},
                    {world.tss(crashed), 0x68},
                    {task, 0x68}};
  return hog;
}

}  // namespace ntstack::world
