#include "world_sets/user_program.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint64_t shared_data = 0x7ffe0000;  // KUSER_SHARED_DATA
constexpr std::uint8_t syscall_opcode[] = {0x0f, 0x05};

bool is_system_call(const Machine& machine, std::uint64_t address) {
  const auto code = machine.read(address, 2);
  return code[0] == syscall_opcode[0] && code[1] == syscall_opcode[1];
}

void write_teb(Machine& machine, std::uint64_t teb, const UserStack& stack,
               std::uint64_t process_id, std::uint64_t id) {
  machine.map(teb, 0x2000);
  machine.put(teb + 0x08, stack.base);   // NT_TIB.StackBase
  machine.put(teb + 0x10, stack.limit);  // NT_TIB.StackLimit
  machine.put(teb + 0x30, teb);          // NT_TIB.Self
  machine.put(teb + 0x40, process_id);   // ClientId
  machine.put(teb + 0x48, id);
}

}  // namespace

UserProgram::UserProgram(KernelWorld& world, const std::filesystem::path& folder,
                         const std::string& program)
    : world_(world) {
  for (const std::string& name : {program, std::string("ntdll.dll"), std::string("KERNEL32.DLL"),
                                  std::string("KERNELBASE.dll")})
    images_.push_back(load_image(folder, name));
  bind_imports(images_);
  for (const LoadedImage& image : images_) {
    world_.machine().map(image.base, image.size);
    world_.machine().write(image.base, image.pages);
  }
  world_.machine().map(shared_data, 0x1000);
  world_.machine().put(symbol("ntdll.dll", "Kernel32ThreadInitThunkFunction"),
                       symbol("KERNEL32.DLL", "BaseThreadInitThunk"));
}

std::uint64_t UserProgram::symbol(const std::string& image, const std::string& name) const {
  for (const LoadedImage& each : images_)
    if (each.file_name == image) return each.symbol(name);
  throw std::runtime_error(fmt::format("no image {}", image));
}

void UserProgram::enter_program(const Thread& thread, const std::string& start,
                                std::uint64_t argument, std::uint64_t top) {
  Machine& machine = world_.machine();
  world_.make_current(thread);
  machine.set_gs(thread.teb, world_.pcr(0));
  Cpu cpu;
  cpu.gpr[4] = top;
  cpu.gpr[1] = symbol(images_.front().file_name, start);
  cpu.gpr[2] = argument;
  cpu.rip = symbol("ntdll.dll", "RtlUserThreadStart");
  machine.put(top, std::uint64_t{0});  // nothing called it
  ShadowFrame nothing;
  nothing.slot = top;
  nothing.caller_sp = top + 8;
  nothing.entry = cpu.rip;
  machine.shadow = {nothing};
  machine.set_cpu(cpu);
  machine.before_instruction = [&](std::uint64_t address) {
    return is_system_call(machine, address);
  };
  machine.run(0);
  machine.before_instruction = nullptr;
}

// What the processor does at SYSCALL: RIP to RCX, the flags to R11. Returns the user's CONTEXT as
// it is behind the instruction.
std::vector<std::uint8_t> UserProgram::call_kernel(const Thread& thread) {
  Machine& machine = world_.machine();
  const std::uint64_t initial_stack =
      machine.get(thread.ethread + world_.layout().kthread.initial_stack);
  Cpu cpu = machine.cpu();
  const auto flags = static_cast<std::uint32_t>(machine.flags());
  ShadowFrame user;
  user.return_address = cpu.rip + sizeof syscall_opcode;
  user.slot = initial_stack - 0x28;
  user.caller_sp = cpu.rsp();
  user.caller_gpr = cpu.gpr;
  user.entry = world_.nt("KiSystemCall64");
  user.machine_frame = true;
  machine.shadow.push_back(user);
  cpu.gpr[1] = user.return_address;
  cpu.gpr[11] = flags;
  Cpu context = cpu;
  context.rip = user.return_address;
  std::vector<std::uint8_t> bytes = context_of(context, flags);
  bytes[0x38] = 0x33;  // CS
  bytes[0x42] = 0x2b;  // SS
  cpu.rip = user.entry;
  machine.set_cpu(cpu);
  return bytes;
}

ProgramThread UserProgram::run(Thread thread, const std::string& start, std::uint64_t argument,
                               std::uint64_t teb, UserStack stack, std::uint64_t top) {
  Machine& machine = world_.machine();
  ProgramThread made;
  thread.teb = made.teb = teb;
  made.stack = stack;
  machine.map(stack.limit, stack.base - stack.limit);
  const auto& k = world_.layout().kthread;
  const std::uint64_t cid = thread.ethread + world_.layout().ethread.cid;
  write_teb(machine, teb, stack, machine.get(cid), thread.id);
  machine.put(thread.ethread + k.teb, teb);
  enter_program(thread, start, argument, top);
  made.user_context = call_kernel(thread);

  const std::uint64_t captured = world_.nt("DbgkpLkmdSnapThreadInContext") + 0x95;
  const std::uint64_t user_ip = machine.shadow.back().return_address;
  ThreadTruth& truth = made.truth;
  truth.user_rip = user_ip;
  truth.user_rsp = machine.shadow.back().caller_sp;
  machine.before_instruction = [&](std::uint64_t address) { return address == captured; };
  machine.run(user_ip);
  machine.before_instruction = nullptr;
  if (machine.cpu().rip != captured) throw std::runtime_error("the thread was not captured");
  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.capture = Capture::apc;
  truth.segments = world_.segments_of(thread, machine.cpu().rsp());
  truth.frames = frames_of(machine);
  truth.context = machine.read(thread.apc_context, world_.layout().context_size);
  while (!truth.frames[made.kernel_frames].machine_frame) made.kernel_frames++;
  made.kernel_frames++;
  return made;
}

}  // namespace ntstack::world
