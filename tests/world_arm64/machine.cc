#include "world_arm64/machine.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint32_t pacibsp = 0xd503237f, autibsp = 0xd50323ff, retab = 0xd65f0fff,
                        eret = 0xd69f03e0;

int register_id(unsigned number) {
  if (number == 29) return UC_ARM64_REG_X29;
  if (number == 30) return UC_ARM64_REG_X30;
  return UC_ARM64_REG_X0 + static_cast<int>(number);
}

// A system register by its encoding: op0 is 3, op1 is 0.
struct SystemRegister {
  std::uint32_t crn, crm, op2;
};
constexpr SystemRegister spsr_el1{4, 0, 0}, elr_el1{4, 0, 1}, sp_el0{4, 1, 0}, esr_el1{5, 2, 0},
    far_el1{6, 0, 0}, tpidr_el1{13, 0, 4};

void set(uc_engine* engine, const SystemRegister& which, std::uint64_t value) {
  uc_arm64_cp_reg access{which.crn, which.crm, 3, 0, which.op2, value};
  check_unicorn(uc_reg_write(engine, UC_ARM64_REG_CP_REG, &access), "a system register");
}

// The bits that a signature takes: all above the 48 of an address but bit 55, which tells the half
// of the address space. As a processor's, it depends on the stack pointer.
std::uint64_t signature(std::uint64_t sp) {
  const std::uint64_t mixed = (sp >> 4) * 0x9e3779b97f4a7c15;
  return ((mixed >> 48 | 1) & 0xff7f) << 48;
}

bool is_plain(std::uint64_t address) {
  const std::uint64_t top = address >> 47;
  return top == 0 || top == 0x1ffff;
}

}  // namespace

Arm64Machine::Arm64Machine() : GuestMemory(UC_ARCH_ARM64, UC_MODE_ARM) {
  check_unicorn(uc_ctl_set_cpu_model(engine_, UC_CPU_ARM64_MAX), "model");
  std::uint64_t floats = 3ull << 20;
  check_unicorn(uc_reg_write(engine_, UC_ARM64_REG_CPACR_EL1, &floats), "CPACR");
  check_unicorn(uc_context_alloc(engine_, &reset_), "context");
  check_unicorn(uc_context_save(engine_, reset_), "context");
  void (*hook)(uc_engine*, std::uint64_t, std::uint32_t,
               void*) = [](uc_engine*, std::uint64_t address, std::uint32_t, void* self) {
    static_cast<Arm64Machine*>(self)->on_instruction(address);
  };
  check_unicorn(
      uc_hook_add(engine_, &hook_, UC_HOOK_CODE, reinterpret_cast<void*>(hook), this, 1, 0),
      "hook");
  map(call_end, 1);
}

Arm64Machine::~Arm64Machine() { uc_context_free(reset_); }

Arm64Cpu Arm64Machine::cpu() const {
  Arm64Cpu cpu;
  for (unsigned i = 0; i < 31; ++i) uc_reg_read(engine_, register_id(i), &cpu.x[i]);
  uc_reg_read(engine_, UC_ARM64_REG_SP, &cpu.sp);
  uc_reg_read(engine_, UC_ARM64_REG_PC, &cpu.pc);
  return cpu;
}

void Arm64Machine::set_cpu(const Arm64Cpu& cpu) {
  for (unsigned i = 0; i < 31; ++i) uc_reg_write(engine_, register_id(i), &cpu.x[i]);
  uc_reg_write(engine_, UC_ARM64_REG_SP, &cpu.sp);
  uc_reg_write(engine_, UC_ARM64_REG_PC, &cpu.pc);
}

std::uint32_t Arm64Machine::flags() const {
  std::uint64_t flags = 0;
  uc_reg_read(engine_, UC_ARM64_REG_PSTATE, &flags);
  return static_cast<std::uint32_t>(flags);
}

void Arm64Machine::set_thread_pointer(std::uint64_t value) { set(engine_, tpidr_el1, value); }

void Arm64Machine::reset_cpu() {
  check_unicorn(uc_context_restore(engine_, reset_), "resetting the processor");
}

// Puts a signature on LR, or takes it off.
void Arm64Machine::sign(bool on) {
  const Arm64Cpu now = cpu();
  std::uint64_t lr = now.x[30];
  const bool was_plain = is_plain(lr);
  lr ^= signature(now.sp);
  if (on != was_plain || (!on && !is_plain(lr)))
    failure_ = fmt::format("LR {:#x} at a signing, SP {:#x}", now.x[30], now.sp);
  uc_reg_write(engine_, UC_ARM64_REG_X30, &lr);
}

Arm64Machine::Kind Arm64Machine::kind_of(std::uint32_t word) {
  if ((word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000) return Kind::call;
  if ((word & 0xfffffc1f) == 0xd65f0000 || word == retab || word == eret) return Kind::ret;
  return (word & 0xfffffc1f) == 0xd61f0000 ? Kind::jump : Kind::other;
}

void Arm64Machine::enter(std::uint64_t address, Arm64Entry entered) {
  Arm64ShadowFrame frame;
  frame.entered = entered;
  frame.entry = address;
  frame.caller = cpu();
  Arm64Cpu& caller = frame.caller;
  const std::uint64_t at = caller.sp;
  if (entered == Arm64Entry::made_by_hand) {
    caller.pc = caller.x[30];
  } else if (entered == Arm64Entry::machine_frame) {
    caller.sp = get(at);
    caller.pc = get(at + 8);
    frame.frame_address = at;
  } else {
    for (unsigned i = 0; i < 31; ++i) caller.x[i] = get(at + 8 + 8 * i);
    caller.sp = get(at + 0x100);
    caller.pc = get(at + 0x108);
    frame.frame_address = at;
  }
  shadow.push_back(frame);
}

void Arm64Machine::pop(std::uint64_t address) {
  if (shadow.empty()) {
    failure_ = fmt::format("a return to {:#x} that no call made", address);
    return;
  }
  const Arm64Cpu& top = shadow.back().caller;
  if (top.pc != address || top.sp != cpu().sp) {
    failure_ = fmt::format("returned to {:#x}, SP {:#x} instead of {:#x}, SP {:#x}", address,
                           cpu().sp, top.pc, top.sp);
  }
  shadow.pop_back();
}

// Brings the shadow stack up to the instruction that is about to execute.
void Arm64Machine::follow(std::uint64_t address) {
  const Kind last = last_;
  last_ = Kind::other;
  const bool by_jump = last == Kind::jump && !shadow.empty() &&
                       shadow.back().entered != Arm64Entry::call &&
                       shadow.back().caller.pc == address && shadow.back().caller.sp == cpu().sp;
  if (last == Kind::call) {
    shadow.push_back({at_call_, Arm64Entry::call, 0, address, false});
  } else if (last == Kind::ret || by_jump) {
    pop(address);
  } else if (const auto entry = entries.find(address); entry != entries.end()) {
    enter(address, entry->second);
  }
  if (last_word_ == pacibsp) sign(true);
  if (last_word_ == autibsp) sign(false);
}

void Arm64Machine::on_instruction(std::uint64_t address) {
  if (!(resumed_ && address == stopped_at_)) follow(address);
  resumed_ = false;
  if (!failure_.empty() || (before_instruction && before_instruction(address))) {
    uc_emu_stop(engine_);
    stopped_at_ = address;
    return;
  }
  last_word_ = get<std::uint32_t>(address);
  last_ = kind_of(last_word_);
  if (last_word_ == retab) sign(false);
  if (last_ != Kind::call) return;
  at_call_ = cpu();
  at_call_.pc = address + 4;
}

void Arm64Machine::run(std::uint64_t until) {
  last_ = Kind::other;
  last_word_ = 0;
  failure_.clear();
  resumed_ = true;
  until_ = until;
  const uc_err error = uc_emu_start(engine_, cpu().pc, until, 0, 0);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  const bool fault = error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED;
  if (fault && stop_at_faults) {
    stopped_at_ = cpu().pc;
    return;
  }
  if (error != UC_ERR_OK)
    throw std::runtime_error(fmt::format("{} at {:#x}", uc_strerror(error), cpu().pc));
  if (cpu().pc == until && last_ == Kind::ret) pop(until);
  if (!failure_.empty()) throw std::runtime_error(failure_);
}

void Arm64Machine::enter_trap(const Arm64Cpu& interrupted, const Arm64Trap& trap,
                              std::uint64_t saved_flags) {
  set(engine_, elr_el1, interrupted.pc);
  set(engine_, spsr_el1, saved_flags);
  set(engine_, esr_el1, trap.syndrome);
  set(engine_, far_el1, trap.fault_address);
  Arm64Cpu now = interrupted;
  if (trap.kernel_stack != 0) {
    set(engine_, sp_el0, interrupted.sp);
    now.sp = trap.kernel_stack;
  }
  now.pc = trap.handler;
  set_cpu(now);
  shadow.push_back(
      {interrupted, Arm64Entry::trap, now.sp - 0x150, trap.handler, trap.kernel_stack != 0});
  stopped_at_ = 0;
}

void Arm64Machine::take_trap(const Arm64Trap& trap) { enter_trap(cpu(), trap, flags()); }

void Arm64Machine::take_trap_of_user(const Arm64Cpu& user, const Arm64Trap& trap) {
  enter_trap(user, trap, 0);  // EL0
}

std::uint64_t Arm64Machine::call(std::uint64_t function, std::span<const std::uint64_t> arguments) {
  Arm64Cpu start = cpu();
  for (std::size_t i = 0; i < arguments.size(); i++) start.x[i] = arguments[i];
  start.x[30] = call_end;
  Arm64ShadowFrame frame;
  frame.caller = start;
  frame.caller.pc = call_end;
  frame.entry = function;
  shadow.push_back(frame);
  start.pc = function;
  set_cpu(start);
  stopped_at_ = 0;
  run(call_end);
  return cpu().x[0];
}

}  // namespace ntstack::world
