#include "world_x86/kernel.h"

#include <fmt/format.h>

#include <cstring>
#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint32_t shared_user_data = 0xffdf0000, system_call_return = 0x304;
constexpr std::uint32_t pcr_gdt = 0x3c, pcr_tss = 0x40, tss_esp0 = 4, tss_size = 0x80;
constexpr std::uint32_t page_directory = 0x185000;
constexpr std::uint32_t eip_in_trap_frame = 0x68;

// Below InitialStack: up to Windows 7 the floating-point state; KTRAP_FRAME's end, of virtual 8086
// mode.
std::uint32_t below_initial_stack(std::uint32_t build) { return (build < 9200 ? 0x210 : 0) + 0x10; }

}  // namespace

X86World::X86World(const std::filesystem::path& modules, const KernelLayout& layout,
                   std::span<const std::string> more)
    : KernelObjects(machine_, layout) {
  load(modules, more);
  machine_.map(shared_user_data, 0x1000);
}

X86World::X86World(const std::filesystem::path& modules, const KernelLayout& layout,
                   OnlyImages only)
    : KernelObjects(machine_, layout) {
  load_only(modules, only.names);
  machine_.map(shared_user_data, 0x1000);
}

void X86World::add_processor(std::uint32_t pcr, std::uint32_t dpc_stack) {
  KernelObjects::add_processor(pcr, dpc_stack, 0);
  machine_.put(pcr + pcr_gdt, X86Machine::gdt_address);
  machine_.put(pcr + pcr_tss, static_cast<std::uint32_t>(pool(tss_size)));
  machine_.put(pcr, 0xffffffffu);  // no exception handler
}

std::uint32_t X86World::tss(unsigned processor) const {
  return machine_.get<std::uint32_t>(pcr(processor) + pcr_tss);
}

std::uint32_t X86World::trap_stack() const {
  return machine_.get<std::uint32_t>(tss(current_) + tss_esp0);
}

std::uint32_t X86World::make_double_fault_task(std::uint32_t stack_base) {
  const auto task = static_cast<std::uint32_t>(pool(tss_size));
  machine_.map(stack_base - layout_.kernel_stack_size, layout_.kernel_stack_size);
  machine_.put(task + 0x20, at("KiTrap08"));
  machine_.put(task + 0x38, stack_base);
  machine_.set_task(X86Machine::main_tss, tss(current_));
  machine_.set_task(X86Machine::double_fault_tss, task);
  return task;
}

void X86World::start_drivers() {
  machine_.reset_cpu(static_cast<std::uint32_t>(pcr(0)));
  X86Cpu cpu;
  cpu.gpr[4] = static_cast<std::uint32_t>(layout_.boot_stack_base - 0x100);
  machine_.set_cpu(cpu);
  machine_.shadow.clear();
  for (const char* name : drivers) {
    if (machine_.call(static_cast<std::uint32_t>(symbol(name, "DriverEntry"))) != 0)
      throw std::runtime_error(fmt::format("{} did not start", name));
  }
}

void X86World::make_current(const Thread& thread) {
  const auto initial_stack =
      static_cast<std::uint32_t>(pointer(thread.ethread + layout_.kthread.initial_stack));
  put_pointer(prcb(current_) + layout_.prcb.current_thread, thread.ethread);
  machine_.put(tss(current_) + tss_esp0, initial_stack - below_initial_stack(layout_.build));
  machine_.put(tss(current_) + 0x1c, page_directory);  // KTSS.CR3, as a change of processes has it
  machine_.reset_cpu(static_cast<std::uint32_t>(pcr(current_)));
}

bool X86World::system_call(const Thread& thread, const SystemCall& call) {
  make_current(thread);
  const auto user_ip = static_cast<std::uint32_t>(call.user_ip);
  machine_.put(shared_user_data + system_call_return, user_ip);
  X86Cpu cpu;
  for (unsigned i = 0; i < 8; i++) cpu.gpr[i] = 0x11111111u * i;  // the user's own, recognisable
  const auto sp = static_cast<std::uint32_t>(thread.user_stack);
  cpu.gpr[4] = sp;
  cpu.gpr[5] = sp + 0x60;
  for (std::uint32_t i = 0; i < call.arguments.size(); i++)
    machine_.put(sp + 8 + 4 * i, static_cast<std::uint32_t>(call.arguments[i]));
  X86ShadowFrame user;
  user.return_address = user_ip;
  user.slot = trap_stack() - 0x14;
  user.caller_gpr = cpu.gpr;
  user.entry = at("KiFastCallEntry");
  user.trap = true;
  machine_.shadow = {user};

  cpu.gpr[0] = call.number;
  cpu.gpr[2] = sp;
  cpu.eip = user.entry;
  machine_.set_cpu(cpu);
  machine_.run(user_ip);
  return machine_.shadow.empty();
}

ThreadTruth X86World::run_until_captured(const Thread& thread, const SystemCall& call) {
  const std::uint32_t capture = at("RtlCaptureContext"), swapped = at("SwapContextSaved");
  ThreadTruth truth;
  bool capturing = false;
  machine_.before_instruction = [&](std::uint32_t address) {
    const bool inside = machine_.shadow.back().entry == capture;
    if (capturing && !inside) truth.capture = Capture::apc;
    capturing = inside;
    if (address == swapped) truth.capture = Capture::switched_out;
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
  truth.segments = segments_of(thread, machine_.cpu().esp());
  truth.frames = frames_of(machine_);
  // A thread that was switched out is entered below SwapContext, where what it left leads.
  if (truth.capture == Capture::switched_out) truth.frames.erase(truth.frames.begin());
  if (truth.capture == Capture::apc)
    truth.context = machine_.read(thread.apc_context, layout_.context_size);
  return truth;
}

std::vector<TruthFrame> frames_of(const X86Machine& machine) {
  std::vector<TruthFrame> frames;
  TruthFrame frame;
  const X86Cpu cpu = machine.cpu();
  frame.ip = cpu.eip;
  frame.child_sp = cpu.esp();
  frame.frame_pointer = cpu.ebp();
  for (auto caller = machine.shadow.rbegin(); caller != machine.shadow.rend(); ++caller) {
    frame.return_address = caller->return_address;
    frame.return_slot = caller->slot;
    frame.machine_frame = caller->trap;
    if (caller->trap) frame.trap_frame = caller->slot - eip_in_trap_frame;
    frames.push_back(frame);
    frame = {};
    frame.ip = caller->return_address;
    frame.child_sp = caller->caller_gpr[4];
    frame.frame_pointer = caller->caller_gpr[5];
  }
  return frames;
}

std::vector<std::uint8_t> context_of(const X86Cpu& cpu, std::uint32_t flags) {
  std::vector<std::uint8_t> context(0x2cc);
  const auto put = [&](std::size_t offset, std::uint32_t value) {
    std::memcpy(context.data() + offset, &value, sizeof value);
  };
  put(0, 0x10007);
  put(0x90, X86Machine::kernel_fs);
  put(0x94, X86Machine::user_ss);
  put(0x98, X86Machine::user_ss);
  // EDI, ESI, EBX, EDX, ECX, EAX, EBP, EIP, CS, EFlags, ESP, SS from 9Ch on.
  const auto& r = cpu.gpr;
  const std::uint32_t values[] = {r[7],  r[6],    r[3],
                                  r[2],  r[1],    r[0],
                                  r[5],  cpu.eip, X86Machine::kernel_cs,
                                  flags, r[4],    X86Machine::kernel_ss};
  for (std::size_t i = 0; i < std::size(values); i++) put(0x9c + 4 * i, values[i]);
  return context;
}

}  // namespace ntstack::world
