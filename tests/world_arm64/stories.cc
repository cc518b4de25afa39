#include "world_arm64/stories.h"

#include <algorithm>
#include <stdexcept>

#include "world/seed1_story.h"

namespace ntstack::world {
namespace {

constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\index.html";
constexpr std::uint64_t user_ip = 0x77a62a2c;
constexpr std::uint64_t freed_fcb = 0xfffffa800f00de40;  // nothing is there
constexpr std::uint64_t dpc_stack = 0xfffff88003b8e000, stack_size = 0x6000;

ThreadTruth truth_of(Arm64World& world, const Thread& thread, unsigned processor) {
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(world.machine());
  truth.context = context_of(world.machine().cpu(), world.machine().flags());
  truth.segments = world.segments_of(thread, world.machine().cpu().sp);
  if (const auto& oldest = world.machine().shadow.front(); oldest.from_user) {
    truth.user_rip = oldest.caller.pc;
    truth.user_rsp = oldest.caller.sp;
  }
  return truth;
}

// Goes on until the machine is about to execute its n-th instruction in [begin, end).
void stop_at(Arm64Machine& machine, std::uint64_t begin, std::uint64_t end, unsigned times) {
  machine.before_instruction = [=, seen = 0u](std::uint64_t here) mutable {
    return here >= begin && here < end && ++seen == times;
  };
}

void query_until(Arm64World& world, const Thread& thread, std::uint64_t begin, std::uint64_t end,
                 unsigned times) {
  stop_at(world.machine(), begin, end, times);
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  const bool returned = world.system_call(
      thread, {service_query_full_attributes, user_ip, {attributes, thread.user_stack + 0x80}});
  world.machine().before_instruction = nullptr;
  if (returned) throw std::runtime_error("the query did not come by");
}

// In the middle of a loop of a function without a frame.
ThreadTruth processor_in_system_call(Arm64World& world, const Thread& thread) {
  world.use_processor(0);
  const std::uint64_t hash = world.nt("RtlHashUnicodeString");
  query_until(world, thread, hash, hash + 0x40, 40);
  return truth_of(world, thread, 0);
}

// The interrupted thread stands before the first instruction of a function: no prologue has run.
ThreadTruth processor_in_dpc(Arm64World& world, const Thread& thread) {
  world.use_processor(1);
  Arm64Machine& machine = world.machine();
  const std::uint64_t acquire = world.symbol("rdbss.sys", "_RxAcquireFcb");
  query_until(world, thread, acquire, acquire + 1, 1);

  const std::uint64_t dpc = world.pool(0x40);
  machine.put<std::uint8_t>(dpc, 0x13);  // DpcObject
  machine.put(dpc + 0x18, world.symbol("rdbss.sys", "RxTimerDpc"));
  machine.put(dpc + 0x20, freed_fcb);
  machine.put(world.nt("KiWorld") + 0x20, dpc);
  machine.take_trap({.handler = world.nt("KiDpcInterruptVector")});
  machine.stop_at_faults = true;
  machine.resume();
  machine.stop_at_faults = false;
  machine.take_trap({.handler = world.nt("KiPageFaultVector"), .fault_address = freed_fcb + 0x6c});
  stop_at(machine, world.nt("KeBugCheckEx"), world.nt("KeBugCheckEx") + 4, 1);
  machine.resume();
  machine.before_instruction = nullptr;

  ThreadTruth truth = truth_of(world, thread, 1);
  // The thread's own stack is in use below the interrupt's frames; the DPC stack is above it.
  truth.segments[0].used_from = thread.stack_base;
  for (const TruthFrame& frame : truth.frames) {
    const bool own = frame.child_sp >= thread.stack_limit && frame.child_sp < thread.stack_base;
    if (own) truth.segments[0].used_from = std::min(truth.segments[0].used_from, frame.child_sp);
  }
  truth.segments.insert(truth.segments.begin(),
                        {dpc_stack, dpc_stack - stack_size,
                         dpc_stack - world.layout().dpc_stack_frame_size, machine.cpu().sp});
  return truth;
}

// Halted in a thread that KiStartSystemThread began; nothing called that.
ThreadTruth processor_idle(Arm64World& world, const Thread& thread) {
  world.use_processor(2);
  Arm64Machine& machine = world.machine();
  world.make_current(thread);
  machine.put(world.prcb(2) + world.layout().prcb.idle_thread, thread.ethread);
  Arm64Cpu cpu =
      world.kernel_cpu(machine.get(thread.ethread + world.layout().kthread.initial_stack));
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
  stop_at(machine, wait, wait + 4, 1);
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.pc = wait + 4;
  machine.set_cpu(cpu);
  return truth_of(world, thread, 2);
}

// A fault of user mode's: its trap frame is the stack's first.
ThreadTruth processor_in_page_fault(Arm64World& world, const Thread& thread) {
  constexpr std::uint64_t faulting_ip = 0x7fef8a62470;
  world.use_processor(3);
  Arm64Machine& machine = world.machine();
  world.take_trap_of_user(thread, world.user_cpu(thread, faulting_ip),
                          {.handler = world.nt("KiPageFaultVector"), .fault_address = 0x2a70018});
  const std::uint64_t fault = world.nt("MmAccessFault");
  stop_at(machine, fault, fault + 0x30, 4);
  machine.run(faulting_ip);
  machine.before_instruction = nullptr;
  return truth_of(world, thread, 3);
}

}  // namespace

Arm64Seed1 build_arm64_seed1(const std::filesystem::path& modules) {
  Arm64Seed1 seed;
  seed.world = std::make_unique<Arm64World>(modules);
  seed.threads = run_seed1(*seed.world);
  return seed;
}

Arm64Processors build_arm64_processors(const std::filesystem::path& modules) {
  Arm64Processors built;
  built.world = std::make_unique<Arm64World>(modules);
  Arm64World& world = *built.world;
  world.add_processor(0xfffff80002fe0000, 0xfffff80000ba3000, 0xfffff80000bac000);
  world.add_processor(0xfffff880009ea000, dpc_stack, 0xfffff88003b97000);
  world.add_processor(0xfffff88002f00000, 0xfffff88003ba0000, 0xfffff88003ba9000);
  world.add_processor(0xfffff88002f71000, 0xfffff88003bb2000, 0xfffff88003bbb000);
  world.start_drivers();
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);
  const std::uint64_t system = world.create_process("System", 4);

  built.threads.push_back(processor_in_system_call(
      world, world.create_thread(w3wp, "system call", 0x2204, 0xfffff8801adba000)));
  built.threads.push_back(
      processor_in_dpc(world, world.create_thread(w3wp, "DPC", 0x2210, 0xfffff8801adc2000)));
  built.threads.push_back(
      processor_idle(world, world.create_thread(system, "idle", 0, 0xfffff88002f5e000)));
  built.threads.push_back(processor_in_page_fault(
      world, world.create_thread(w3wp, "page fault", 0x221c, 0xfffff8801adcb000)));
  built.bugcheck = 0xd1;
  built.parameters = {freed_fcb + 0x6c, 2, 0, 0};
  for (const TruthFrame& frame : built.threads[1].frames) {
    if (world.images()[3].holds(frame.ip)) {
      built.parameters[3] = frame.ip;
      break;
    }
  }
  return built;
}

}  // namespace ntstack::world
