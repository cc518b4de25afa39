#include "world/processors.h"

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\index.html";
constexpr std::uint64_t user_rip = 0x77a62a2a;
constexpr std::uint64_t freed_fcb = 0xfffffa800f00de40;  // nothing is there
constexpr std::uint64_t dpc_stack = 0xfffff88003b8e000, stack_size = 0x6000;

ThreadTruth truth_of(KernelWorld& world, const Thread& thread, unsigned processor) {
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(world.machine());
  truth.context =
      context_of(world.machine().cpu(), static_cast<std::uint32_t>(world.machine().flags()));
  truth.segments = world.segments_of(thread, world.machine().cpu().rsp());
  return truth;
}

// Runs a query of `thread` until it is about to execute its n-th instruction in [begin, end).
void query_until(KernelWorld& world, const Thread& thread, std::uint64_t begin, std::uint64_t end,
                 unsigned times) {
  Machine& machine = world.machine();
  machine.before_instruction = [=, seen = 0u](std::uint64_t here) mutable {
    return here >= begin && here < end && ++seen == times;
  };
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const bool returned = world.system_call(
      thread, {service_query_full_attributes, user_rip, {attributes, thread.user_stack + 0x80}});
  machine.before_instruction = nullptr;
  if (returned) throw std::runtime_error("the query did not come by");
}

void run_on_until(KernelWorld& world, std::uint64_t address) {
  world.machine().before_instruction = [=](std::uint64_t here) { return here == address; };
  world.machine().resume();
  world.machine().before_instruction = nullptr;
}

// In the middle of a loop of a function without a frame.
ThreadTruth processor_in_system_call(KernelWorld& world, const Thread& thread) {
  world.use_processor(0);
  const std::uint64_t hash = world.nt("RtlHashUnicodeString");
  query_until(world, thread, hash, hash + 0x40, 40);
  ThreadTruth truth = truth_of(world, thread, 0);
  truth.user_rip = user_rip;
  truth.user_rsp = thread.user_stack;
  return truth;
}

// The interrupted thread stands before the first instruction of a function: no prologue has run.
ThreadTruth processor_in_dpc(KernelWorld& world, const Thread& thread) {
  world.use_processor(1);
  Machine& machine = world.machine();
  const std::uint64_t acquire = world.symbol("rdbss.sys", "_RxAcquireFcb");
  query_until(world, thread, acquire, acquire + 1, 1);
  const std::uint64_t interrupted_sp = machine.cpu().rsp();

  const std::uint64_t dpc = world.pool(0x40);
  machine.put<std::uint8_t>(dpc, 0x13);  // DpcObject
  machine.put(dpc + 0x18, world.symbol("rdbss.sys", "RxTimerDpc"));
  machine.put(dpc + 0x20, freed_fcb);
  machine.put(world.nt("KiWorld") + 0x20, dpc);
  machine.interrupt({.handler = world.nt("KiDpcInterrupt")});
  machine.stop_at_faults = true;
  machine.resume();
  machine.stop_at_faults = false;
  machine.set_fault_address(freed_fcb + 0x6c);
  machine.interrupt({.handler = world.nt("KiPageFault"), .error_code = 0});
  run_on_until(world, world.nt("KeBugCheckEx"));

  ThreadTruth truth = truth_of(world, thread, 1);
  truth.user_rip = user_rip;
  truth.user_rsp = thread.user_stack;
  // The thread's own stack is in use below the interrupt's frames; the DPC stack is above it.
  truth.segments[0].used_from = interrupted_sp;
  for (const TruthFrame& frame : truth.frames) {
    const bool own = frame.child_sp >= thread.stack_limit && frame.child_sp < thread.stack_base;
    if (own) truth.segments[0].used_from = std::min(truth.segments[0].used_from, frame.child_sp);
  }
  truth.segments.insert(truth.segments.begin(),
                        {dpc_stack, dpc_stack - stack_size, dpc_stack - 0x50, machine.cpu().rsp()});
  return truth;
}

// Halted; nothing called the idle loop.
ThreadTruth processor_idle(KernelWorld& world, const Thread& thread) {
  world.use_processor(2);
  Machine& machine = world.machine();
  world.make_current(thread);
  machine.put(world.prcb(2) + world.layout().prcb.idle_thread, thread.ethread);
  Cpu cpu;
  const std::uint64_t slot = machine.get(thread.ethread + world.layout().kthread.initial_stack) - 8;
  cpu.gpr[4] = slot;
  cpu.rip = world.nt("KiIdleLoop");
  machine.set_cpu(cpu);
  ShadowFrame nothing;
  nothing.slot = slot;
  nothing.caller_sp = slot + 8;
  nothing.entry = cpu.rip;
  machine.shadow = {nothing};
  const std::uint64_t after_halt = world.nt("HalProcessorIdle") + 6;
  machine.before_instruction = [=](std::uint64_t here) { return here == after_halt - 1; };
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.rip = after_halt;
  machine.set_cpu(cpu);
  return truth_of(world, thread, 2);
}

// A fault of user mode's: the frame's error code says so, and its stack begins at InitialStack.
ThreadTruth processor_in_page_fault(KernelWorld& world, const Thread& thread) {
  constexpr std::uint64_t faulting_rip = 0x7fef8a62471;
  world.use_processor(3);
  Machine& machine = world.machine();
  world.make_current(thread);
  machine.set_gs(thread.teb, world.pcr(3));
  machine.shadow.clear();
  Cpu cpu;
  for (unsigned i = 0; i < 16; i++) cpu.gpr[i] = 0x1111111111111111ull * i;
  cpu.gpr[4] = thread.user_stack;
  cpu.rip = faulting_rip;
  machine.set_cpu(cpu);
  machine.set_fault_address(0x2a70018);
  machine.interrupt(
      {.handler = world.nt("KiPageFault"),
       .error_code = 4,
       .kernel_stack = machine.get(thread.ethread + world.layout().kthread.initial_stack)});
  machine.before_instruction = [at = world.nt("MmAccessFault"),
                                steps = 0](std::uint64_t here) mutable {
    return here >= at && here < at + 0x30 && ++steps == 4;
  };
  machine.run(faulting_rip);
  machine.before_instruction = nullptr;
  ThreadTruth truth = truth_of(world, thread, 3);
  truth.user_rip = faulting_rip;
  truth.user_rsp = thread.user_stack;
  return truth;
}

}  // namespace

Crash run_processors(KernelWorld& world) {
  world.add_processor(0xfffff80002fe0000, 0xfffff80000ba3000, 0xfffff80000bac000);
  world.add_processor(0xfffff880009ea000, dpc_stack, 0xfffff88003b97000);
  world.add_processor(0xfffff88002f00000, 0xfffff88003ba0000, 0xfffff88003ba9000);
  world.add_processor(0xfffff88002f71000, 0xfffff88003bb2000, 0xfffff88003bbb000);
  world.start_drivers();
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);
  const std::uint64_t idle = world.create_process("Idle", 0);

  Crash crash;
  crash.threads.push_back(processor_in_system_call(
      world, world.create_thread(w3wp, "system call", 0x2204, 0xfffff8801adba000)));
  crash.threads.push_back(
      processor_in_dpc(world, world.create_thread(w3wp, "DPC", 0x2210, 0xfffff8801adc2000)));
  crash.threads.push_back(
      processor_idle(world, world.create_thread(idle, "idle", 0, 0xfffff88002f5e000)));
  crash.threads.push_back(processor_in_page_fault(
      world, world.create_thread(w3wp, "page fault", 0x221c, 0xfffff8801adcb000)));
  crash.bugcheck = 0xd1;
  crash.parameters = {freed_fcb + 0x6c, 2, 0, 0};
  for (const TruthFrame& frame : crash.threads[1].frames) {
    if (world.images()[3].holds(frame.ip)) {
      crash.parameters[3] = frame.ip;
      break;
    }
  }
  return crash;
}

Processors build_processors(const std::filesystem::path& modules) {
  Processors built;
  built.world = std::make_unique<KernelWorld>(modules, windows_10_19041);
  static_cast<Crash&>(built) = run_processors(*built.world);
  return built;
}

}  // namespace ntstack::world
