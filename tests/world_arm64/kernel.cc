#include "world_arm64/kernel.h"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint32_t system_call_syndrome = 0x56000000;  // SVC; its operand is the service
constexpr std::uint64_t pc_in_trap_frame = 0x148;

// Where the stories enter the kernel from is x64's: here instructions lie at multiples of four.
std::uint64_t aligned(std::uint64_t user_ip) { return user_ip & ~std::uint64_t{3}; }

}  // namespace

Arm64World::Arm64World(const std::filesystem::path& modules, std::span<const std::string> more)
    : KernelObjects(machine_, windows_11_22000_arm64) {
  load(modules, more);
  machine_.entries = {{nt("KySwitchKernelStackCallout"), Arm64Entry::machine_frame},
                      {nt("KxRetireDpcList"), Arm64Entry::machine_frame}};
}

Arm64World::Arm64World(const std::filesystem::path& modules, OnlyImages only)
    : KernelObjects(machine_, windows_11_22000_arm64) {
  load_only(modules, only.names);
}

void Arm64World::start_drivers() {
  machine_.reset_cpu();
  machine_.set_cpu(kernel_cpu(layout_.boot_stack_base - 0x100));
  for (const char* name : drivers) {
    if (machine_.call(symbol(name, "DriverEntry")) != 0)
      throw std::runtime_error(fmt::format("{} did not start", name));
  }
}

Arm64Cpu Arm64World::kernel_cpu(std::uint64_t sp) const {
  Arm64Cpu cpu;
  for (unsigned i = 0; i < 31; i++) cpu.x[i] = 0x0101010101010101ull * i;
  if (processors() != 0) cpu.x[18] = pcr(current_);
  cpu.sp = sp;
  return cpu;
}

Arm64Cpu Arm64World::user_cpu(const Thread& thread, std::uint64_t user_ip) const {
  Arm64Cpu cpu;
  for (unsigned i = 0; i < 31; i++) cpu.x[i] = 0x0011111111111111ull * i;
  cpu.x[18] = thread.teb;
  cpu.x[29] = thread.user_stack + 0x60;
  cpu.x[30] = aligned(user_ip) + 0x100;
  cpu.sp = thread.user_stack & ~15ull;
  cpu.pc = aligned(user_ip);
  return cpu;
}

void Arm64World::make_current(const Thread& thread) {
  machine_.put(prcb(current_) + layout_.prcb.current_thread, thread.ethread);
  machine_.reset_cpu();
  machine_.set_thread_pointer(pcr(current_));
}

void Arm64World::take_trap_of_user(const Thread& thread, const Arm64Cpu& user, Arm64Trap trap) {
  make_current(thread);
  machine_.shadow.clear();
  trap.kernel_stack = machine_.get(thread.ethread + layout_.kthread.initial_stack);
  machine_.take_trap_of_user(user, trap);
}

bool Arm64World::system_call(const Thread& thread, const SystemCall& call) {
  Arm64Cpu user = user_cpu(thread, call.user_ip);
  for (std::size_t i = 0; i < call.arguments.size(); i++) user.x[i] = call.arguments[i];
  take_trap_of_user(
      thread, user,
      {.handler = nt("KiSystemServiceVector"), .syndrome = system_call_syndrome | call.number});
  machine_.run(user.pc);
  return machine_.shadow.empty();
}

ThreadTruth Arm64World::run_until_captured(const Thread& thread, const SystemCall& call) {
  ThreadTruth truth;
  machine_.before_instruction = [&, captured = std::uint64_t{0}](std::uint64_t address) mutable {
    if (address == nt("RtlCaptureContext")) captured = machine_.cpu().x[30];
    if (address == captured) truth.capture = Capture::apc;
    if (address == nt("SwapContextSaved")) truth.capture = Capture::switched_out;
    return truth.capture != Capture::none;
  };
  const bool returned = system_call(thread, call);
  machine_.before_instruction = nullptr;
  if (returned)
    throw std::runtime_error(fmt::format("thread {:x} came back to user mode", thread.id));

  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.user_rip = aligned(call.user_ip);
  truth.user_rsp = thread.user_stack & ~15ull;
  truth.segments = segments_of(thread, machine_.cpu().sp);
  truth.frames = frames_of(machine_);
  // A thread that was switched out is entered below SwapContext, where its KSWITCH_FRAME leads.
  if (truth.capture == Capture::switched_out) truth.frames.erase(truth.frames.begin());
  if (truth.capture == Capture::apc)
    truth.context = machine_.read(thread.apc_context, layout_.context_size);
  return truth;
}

std::vector<TruthFrame> frames_of(const Arm64Machine& machine) {
  std::vector<TruthFrame> frames;
  const Arm64Cpu cpu = machine.cpu();
  TruthFrame frame;
  frame.ip = cpu.pc;
  frame.child_sp = cpu.sp;
  frame.frame_pointer = cpu.x[29];
  for (auto entered = machine.shadow.rbegin(); entered != machine.shadow.rend(); ++entered) {
    frame.return_address = entered->caller.pc;
    if (entered->entered == Arm64Entry::trap) {
      frame.machine_frame = true;
      frame.trap_frame = entered->frame_address;
      frame.return_slot = frame.trap_frame + pc_in_trap_frame;
    }
    frames.push_back(frame);
    frame = {};
    frame.ip = entered->caller.pc;
    frame.child_sp = entered->caller.sp;
    frame.frame_pointer = entered->caller.x[29];
  }
  return frames;
}

std::vector<std::uint8_t> context_of(const Arm64Cpu& cpu, std::uint32_t flags) {
  std::vector<std::uint8_t> context(0x390);
  const auto put = [&](std::size_t offset, auto value) {
    std::memcpy(context.data() + offset, &value, sizeof value);
  };
  put(0, std::uint32_t{0x400007});  // CONTEXT_ARM64 | CONTROL | INTEGER | FLOATING_POINT
  put(4, flags);
  for (std::size_t i = 0; i < 31; i++) put(8 + 8 * i, cpu.x[i]);
  put(0x100, cpu.sp);
  put(0x108, cpu.pc);
  return context;
}

}  // namespace ntstack::world
