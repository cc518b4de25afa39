#include "world/kernel_world.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {

KernelWorld::KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout,
                         std::span<const std::string> more)
    : KernelObjects(machine_, layout) {
  load(modules, more);
  machine_.machine_frame_entries = {{nt("KySwitchKernelStackCallout"), 0},
                                    {nt("KxRetireDpcList"), 0x20}};
}

KernelWorld::KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout,
                         OnlyImages only)
    : KernelObjects(machine_, layout) {
  load_only(modules, only.names);
}

void KernelWorld::start_drivers() {
  Cpu cpu;
  cpu.gpr[4] = layout_.boot_stack_base - 0x100;
  machine_.set_cpu(cpu);
  for (const char* name : drivers) {
    if (machine_.call(symbol(name, "DriverEntry")) != 0)
      throw std::runtime_error(fmt::format("{} did not start", name));
  }
}

void KernelWorld::make_current(const Thread& thread) {
  machine_.put(prcb(current_) + layout_.prcb.current_thread, thread.ethread);
  machine_.put(prcb(current_) + layout_.prcb.rsp_base,
               machine_.get(thread.ethread + layout_.kthread.initial_stack));
  machine_.reset_cpu();
  machine_.set_gs(pcr(current_), thread.teb);
}

bool KernelWorld::system_call(const Thread& thread, const SystemCall& call) {
  const std::uint64_t initial_stack = machine_.get(thread.ethread + layout_.kthread.initial_stack);
  make_current(thread);
  machine_.set_gs(thread.teb, pcr(current_));

  Cpu cpu;
  for (unsigned i = 0; i < 16; i++)
    cpu.gpr[i] = 0x1111111111111111ull * i;  // the user's own, recognisable
  cpu.gpr[4] = thread.user_stack;
  cpu.gpr[5] = thread.user_stack + 0x60;
  const unsigned order[] = {10, 2, 8, 9};
  for (std::size_t i = 0; i < call.arguments.size(); i++) {
    if (i < 4)
      cpu.gpr[order[i]] = call.arguments[i];
    else
      machine_.put(thread.user_stack + 8 + 8 * i, call.arguments[i]);
  }
  ShadowFrame user;
  user.return_address = call.user_ip;
  user.slot = initial_stack - 0x28;
  user.caller_sp = thread.user_stack;
  user.caller_gpr = cpu.gpr;
  user.entry = nt("KiSystemCall64");
  user.machine_frame = true;
  machine_.shadow = {user};

  cpu.gpr[0] = call.number;
  cpu.gpr[1] = call.user_ip;
  cpu.gpr[11] = 0x246;
  cpu.rip = nt("KiSystemCall64");
  machine_.set_cpu(cpu);
  machine_.run(call.user_ip);
  return machine_.shadow.empty();
}

ThreadTruth KernelWorld::run_until_captured(const Thread& thread, const SystemCall& call) {
  const std::uint64_t captured = nt("DbgkpLkmdSnapThreadInContext") + 0x79;
  const std::uint64_t swap = nt("SwapContext"), swap_end = nt("RtlCaptureContext");
  ThreadTruth truth;
  machine_.before_instruction = [&](std::uint64_t address) {
    if (address == captured) truth.capture = Capture::apc;
    const bool saved =
        address >= swap && address < swap_end &&
        machine_.get(thread.ethread + layout_.kthread.kernel_stack) == machine_.cpu().rsp();
    if (saved) truth.capture = Capture::switched_out;
    return truth.capture != Capture::none;
  };
  const bool returned = system_call(thread, call);
  machine_.before_instruction = nullptr;
  if (returned)
    throw std::runtime_error(fmt::format("thread {:x} came back to user mode", thread.id));

  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.user_rip = call.user_ip;
  truth.user_rsp = thread.user_stack;
  truth.segments = segments_of(thread, machine_.cpu().rsp());
  truth.frames = frames_of(machine_);
  // A thread that was switched out is entered below SwapContext, where its KSWITCH_FRAME leads.
  if (truth.capture == Capture::switched_out) truth.frames.erase(truth.frames.begin());
  if (truth.capture == Capture::apc)
    truth.context = machine_.read(thread.apc_context, layout_.context_size);
  return truth;
}

}  // namespace ntstack::world
