#include "world_x86/stories.h"

#include <algorithm>
#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr char path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
constexpr std::uint32_t user_ip = 0x77a62a2a, faulting_ip = 0x6fa62471;
constexpr std::uint32_t freed_fcb = 0x9f00de40;  // nothing is there
constexpr std::uint32_t expanded_base = 0x92d70000, expanded_size = 0x12000;
constexpr std::uint32_t pcrs[] = {0x807c4000, 0x807cc000, 0x807d4000, 0x807dc000};
constexpr std::uint32_t dpc_stacks[] = {0x8b4ba000, 0x8b4be000, 0x8b4c2000, 0x8b4c6000};
constexpr std::uint32_t double_fault_stack = 0x8b4d3000;
// In KiWorld: the stack for expansion, the thread that comes next, the DPCs.
constexpr std::uint32_t world_stack_base = 0, world_stack_limit = 4, world_next_thread = 8,
                        world_dpcs = 0x10;
constexpr std::uint32_t dpc_routine = 0xc, dpc_context = 0x10;  // in a KDPC

ThreadTruth truth_of(const X86World& world, const Thread& thread, unsigned processor) {
  const X86Machine& machine = world.machine();
  ThreadTruth truth;
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::processor;
  truth.processor = processor;
  truth.frames = frames_of(machine);
  truth.context = context_of(machine.cpu(), machine.flags());
  truth.segments = world.segments_of(thread, machine.cpu().esp());
  if (const auto& oldest = machine.shadow.front(); oldest.trap) {
    truth.user_rip = oldest.return_address;
    truth.user_rsp = oldest.caller_gpr[4];
  }
  return truth;
}

// `other` is above the thread's own stack, which was left at `left_at`.
void add_stack(ThreadTruth& truth, std::uint32_t left_at, const StackSegment& other) {
  truth.segments[0].used_from = left_at;
  truth.segments.insert(truth.segments.begin(), other);
}

// Goes on until the machine is about to execute its n-th instruction in [begin, end).
void stop_at(X86Machine& machine, std::uint32_t begin, std::uint32_t end, unsigned times) {
  machine.before_instruction = [=, seen = 0u](std::uint32_t here) mutable {
    return here >= begin && here < end && ++seen == times;
  };
}

SystemCall query_of(X86World& world, const Thread& thread) {
  const std::uint64_t attributes = world.user_object_attributes(thread, path);
  return {service_query_full_attributes, user_ip, {attributes, thread.user_stack + 0x80}};
}

void query_until(X86World& world, const Thread& thread, std::uint32_t begin, std::uint32_t end,
                 unsigned times) {
  stop_at(world.machine(), begin, end, times);
  const bool returned = world.system_call(thread, query_of(world, thread));
  world.machine().before_instruction = nullptr;
  if (returned) throw std::runtime_error("the query did not come by");
}

void run_until(X86World& world, const char* function) {
  const std::uint32_t at = world.at(function);
  stop_at(world.machine(), at, at + 1, 1);
  world.machine().resume();
  world.machine().before_instruction = nullptr;
}

ThreadTruth processor_in_system_call(X86World& world, const Thread& thread) {
  world.use_processor(0);
  const std::uint32_t hash = world.at("RtlHashUnicodeString");
  query_until(world, thread, hash, hash + 0x40, 40);
  return truth_of(world, thread, 0);
}

// The interrupted thread stands before the first instruction of a function: no prologue has run.
ThreadTruth processor_in_dpc(X86World& world, const Thread& thread) {
  world.use_processor(1);
  X86Machine& machine = world.machine();
  const auto acquire = static_cast<std::uint32_t>(world.symbol("rdbss.sys", "_RxAcquireFcb"));
  query_until(world, thread, acquire, acquire + 1, 1);
  const auto dpc = static_cast<std::uint32_t>(world.pool(0x40));
  machine.put<std::uint8_t>(dpc, 0x13);  // DpcObject
  machine.put(dpc + dpc_routine,
              static_cast<std::uint32_t>(world.symbol("rdbss.sys", "RxTimerDpc")));
  machine.put(dpc + dpc_context, freed_fcb);
  machine.put(world.at("KiWorld") + world_dpcs, dpc);
  machine.interrupt({.handler = world.at("KiDpcInterrupt")});
  machine.stop_at_faults = true;
  machine.resume();
  machine.stop_at_faults = false;
  machine.set_fault_address(freed_fcb + 0x44);
  machine.interrupt({.handler = world.at("KiTrap0E"), .error_code = 0});
  run_until(world, "KeBugCheckEx");
  ThreadTruth truth = truth_of(world, thread, 1);
  const std::uint32_t top = dpc_stacks[1];
  // The oldest thing on the DPC stack is the stack pointer that it was entered with.
  add_stack(truth, machine.get<std::uint32_t>(top - 4),
            {top, top - world.layout().kernel_stack_size, top, machine.cpu().esp()});
  return truth;
}

// Halted; nothing called the idle loop.
ThreadTruth processor_idle(X86World& world, const Thread& thread) {
  world.use_processor(2);
  X86Machine& machine = world.machine();
  world.make_current(thread);
  machine.put(world.prcb(2) + world.layout().prcb.idle_thread,
              static_cast<std::uint32_t>(thread.ethread));
  X86Cpu cpu;
  X86ShadowFrame nothing;
  nothing.slot = cpu.gpr[4] = world.trap_stack() - 4;
  nothing.entry = cpu.eip = world.at("KiIdleLoop");
  machine.set_cpu(cpu);
  machine.shadow = {nothing};
  const std::uint32_t halt = world.at("HalProcessorIdleHalt");
  stop_at(machine, halt, halt + 1, 1);
  machine.run(0);
  machine.before_instruction = nullptr;
  cpu = machine.cpu();
  cpu.eip = halt + 1;
  machine.set_cpu(cpu);
  return truth_of(world, thread, 2);
}

ThreadTruth processor_in_page_fault(X86World& world, const Thread& thread) {
  world.use_processor(3);
  X86Machine& machine = world.machine();
  world.make_current(thread);
  machine.shadow.clear();
  X86Cpu cpu;
  for (unsigned i = 0; i < 8; i++) cpu.gpr[i] = 0x11111111u * i;
  cpu.gpr[4] = static_cast<std::uint32_t>(thread.user_stack);
  cpu.eip = faulting_ip;
  machine.set_cpu(cpu);
  machine.set_fault_address(0x2a70018);
  machine.interrupt(
      {.handler = world.at("KiTrap0E"), .error_code = 4, .kernel_stack = world.trap_stack()});
  const std::uint32_t fault = world.at("MmAccessFault");
  stop_at(machine, fault, fault + 0x30, 4);
  machine.run(faulting_ip);
  machine.before_instruction = nullptr;
  return truth_of(world, thread, 3);
}

X86Crash crash_of(const std::filesystem::path& modules, const KernelLayout& layout,
                  unsigned processors) {
  X86Crash built;
  built.world = std::make_unique<X86World>(modules, layout);
  for (unsigned i = 0; i < processors; i++) built.world->add_processor(pcrs[i], dpc_stacks[i]);
  built.world->start_drivers();
  return built;
}

}  // namespace

X86Seed1 build_x86_seed1(const std::filesystem::path& modules, const KernelLayout& layout) {
  X86Seed1 seed;
  seed.world = std::make_unique<X86World>(modules, layout);
  X86World& world = *seed.world;
  X86Machine& machine = world.machine();
  for (unsigned i = 0; i < 2; i++) world.add_processor(pcrs[i], dpc_stacks[i]);
  world.start_drivers();
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);
  std::vector<Thread> threads;
  threads.push_back(world.create_thread(w3wp, "worker", 0x2204, 0x8f8c3000));
  threads.push_back(world.create_thread(w3wp, "owner", 0x1fd8, 0x8f8d3000));
  for (std::uint32_t i = 0; i < 4; i++)
    threads.push_back(
        world.create_thread(w3wp, "switched worker", 0x2228 + 8 * i, 0x8f8e3000 + 0x8000 * i));
  machine.map(expanded_base - expanded_size, expanded_size);
  const std::uint32_t outside = world.at("KiWorld");
  machine.put(outside + world_stack_base, expanded_base);
  machine.put(outside + world_stack_limit, expanded_base - expanded_size);
  const Thread idle = world.create_thread(world.create_process("Idle", 0), "idle", 0, 0x8b45e000);
  machine.put(outside + world_next_thread, static_cast<std::uint32_t>(idle.ethread));

  // The owner comes first to the resource.
  std::swap(threads[0], threads[1]);
  for (Thread& thread : threads) {
    SystemCall call = query_of(world, thread);
    const std::uint64_t here = thread.user_stack;
    if (thread.role == "owner")
      call = {service_create_file,
              user_ip,
              {here + 0x80, 0x120089, call.arguments[0], here + 0x90, 0, 0}};
    if (thread.role == "worker") world.queue_capture(thread);
    seed.threads.push_back(world.run_until_captured(thread, call));
  }
  std::swap(seed.threads[0], seed.threads[1]);
  return seed;
}

X86Crash build_x86_processors(const std::filesystem::path& modules, const KernelLayout& layout) {
  X86Crash built = crash_of(modules, layout, 4);
  X86World& world = *built.world;
  const std::uint64_t w3wp = world.create_process("w3wp.exe", 0x1a2c);
  const std::uint64_t idle = world.create_process("Idle", 0);
  built.threads.push_back(processor_in_system_call(
      world, world.create_thread(w3wp, "system call", 0x2204, 0x8f8c3000)));
  built.threads.push_back(
      processor_in_dpc(world, world.create_thread(w3wp, "DPC", 0x2210, 0x8f8d3000)));
  built.threads.push_back(processor_idle(world, world.create_thread(idle, "idle", 0, 0x8b45e000)));
  built.threads.push_back(
      processor_in_page_fault(world, world.create_thread(w3wp, "page fault", 0x221c, 0x8f8e3000)));
  built.bugcheck = 0xd1;
  built.parameters = {freed_fcb + 0x44, 2, 0, 0};
  for (const TruthFrame& frame : built.threads[1].frames) {
    if (!world.images()[3].holds(frame.ip)) continue;
    built.parameters[3] = frame.ip;
    break;
  }
  return built;
}

X86Crash build_x86_double_fault(const std::filesystem::path& modules, const KernelLayout& layout) {
  X86Crash built = crash_of(modules, layout, 1);
  X86World& world = *built.world;
  X86Machine& machine = world.machine();
  const Thread thread =
      world.create_thread(world.create_process("w3wp.exe", 0x1a2c), "overflow", 0x2204, 0x8f8c3000);
  const std::uint32_t task = world.make_double_fault_task(double_fault_stack);
  const auto create = static_cast<std::uint32_t>(world.symbol("rdbss.sys", "RxCommonCreate"));
  query_until(world, thread, create, create + 0x18, 4);
  machine.switch_task(world.tss(0), task);
  run_until(world, "KeBugCheckEx");
  ThreadTruth truth = truth_of(world, thread, 0);
  const auto left_at = machine.get<std::uint32_t>(world.tss(0) + 0x38);  // KTSS.Esp
  add_stack(truth, left_at,
            {double_fault_stack, double_fault_stack - layout.kernel_stack_size, double_fault_stack,
             machine.cpu().esp()});
  built.threads.push_back(truth);
  built.crashed = 0;
  built.bugcheck = 0x7f;
  built.parameters = {8, 0, 0, 0};
  built.more = {
      {world.pcr(0), 0x120}, {X86Machine::gdt_address, 0x100}, {world.tss(0), 0x68}, {task, 0x68}};
  return built;
}

}  // namespace ntstack::world
