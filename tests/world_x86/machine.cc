#include "world_x86/machine.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::array<int, 8> gpr_ids = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                                        UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
                                        UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr std::uint32_t call_returns_to = X86Machine::gdt_address + 0x800;  // never executed

// KTSS: EIP, EFlags, EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI from 20h on.
constexpr std::uint32_t tss_backlink = 0, tss_eip = 0x20, tss_eflags = 0x24, tss_es = 0x48,
                        tss_gpr = 0x28;

}  // namespace

X86Machine::X86Machine() : GuestMemory(UC_ARCH_X86, UC_MODE_32) {
  map(gdt_address, 0x1000);
  put<std::uint64_t>(gdt_address + kernel_cs, 0x00cf9b000000ffff);
  put<std::uint64_t>(gdt_address + kernel_ss, 0x00cf93000000ffff);
  put<std::uint64_t>(gdt_address + (user_cs & ~7u), 0x00cffb000000ffff);
  put<std::uint64_t>(gdt_address + (user_ss & ~7u), 0x00cff3000000ffff);
  set_segment(kernel_fs, 0);
  uc_x86_mmr gdt{0, gdt_address, 0xff, 0};
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_GDTR, &gdt), "GDTR");
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_CS, &kernel_cs), "CS");
  for (const int segment : {UC_X86_REG_SS, UC_X86_REG_DS, UC_X86_REG_ES})
    check_unicorn(uc_reg_write(engine_, segment, &kernel_ss), "a segment");
  check_unicorn(uc_context_alloc(engine_, &reset_), "context");
  check_unicorn(uc_context_save(engine_, reset_), "context");
  const auto hook = [](uc_engine*, std::uint64_t address, std::uint32_t size, void* self) {
    static_cast<X86Machine*>(self)->on_instruction(static_cast<std::uint32_t>(address), size);
  };
  void (*function)(uc_engine*, std::uint64_t, std::uint32_t, void*) = hook;
  check_unicorn(
      uc_hook_add(engine_, &hook_, UC_HOOK_CODE, reinterpret_cast<void*>(function), this, 1, 0),
      "hook");
}

X86Machine::~X86Machine() { uc_context_free(reset_); }

X86Cpu X86Machine::cpu() const {
  X86Cpu cpu;
  for (unsigned i = 0; i < 8; i++) uc_reg_read(engine_, gpr_ids[i], &cpu.gpr[i]);
  uc_reg_read(engine_, UC_X86_REG_EIP, &cpu.eip);
  return cpu;
}

void X86Machine::set_cpu(const X86Cpu& cpu) {
  for (unsigned i = 0; i < 8; i++) uc_reg_write(engine_, gpr_ids[i], &cpu.gpr[i]);
  uc_reg_write(engine_, UC_X86_REG_EIP, &cpu.eip);
}

std::uint32_t X86Machine::flags() const {
  std::uint32_t flags = 0;
  uc_reg_read(engine_, UC_X86_REG_EFLAGS, &flags);
  return flags;
}

void X86Machine::set_segment(std::uint16_t selector, std::uint32_t base) {
  const std::uint64_t wide = base;
  put<std::uint64_t>(gdt_address + selector,
                     0x00c093000000ffffull | (wide & 0xffffff) << 16 | (wide & 0xff000000) << 32);
}

void X86Machine::set_task(std::uint16_t selector, std::uint32_t base) {
  const std::uint64_t wide = base;
  put<std::uint64_t>(gdt_address + selector,
                     0x00008b00000020abull | (wide & 0xffffff) << 16 | (wide & 0xff000000) << 32);
}

void X86Machine::reset_cpu(std::uint32_t pcr) {
  check_unicorn(uc_context_restore(engine_, reset_), "resetting the processor");
  set_segment(kernel_fs, pcr);
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_FS, &kernel_fs), "FS");
}

X86Machine::Kind X86Machine::kind_at(std::uint32_t address) const {
  const auto code = get<std::uint16_t>(address);
  const unsigned first = code & 0xff, reg = code >> 11 & 7;
  if (first == 0xe8 || (first == 0xff && reg == 2)) return Kind::call;
  if (first == 0xc3 || first == 0xc2) return Kind::ret;
  if (first == 0xcf) return Kind::iret;
  if (first == 0xff && reg == 4) return Kind::jump;
  return Kind::other;
}

void X86Machine::pop(std::uint32_t address) {
  if (shadow.empty() || shadow.back().return_address != address) {
    failure_ = fmt::format("a return to {:#x} that no call made", address);
    return;
  }
  shadow.pop_back();
}

// Brings the shadow stack up to the instruction that is about to execute.
void X86Machine::follow(std::uint32_t address) {
  const Kind last = last_;
  last_ = Kind::other;
  if (last == Kind::call) {
    made_.slot = cpu().esp();
    made_.entry = address;
    if (get<std::uint32_t>(made_.slot) != made_.return_address)
      failure_ = fmt::format("the call before {:#x} left no return address", address);
    shadow.push_back(made_);
  } else if (last == Kind::ret || last == Kind::iret) {
    pop(address);
  } else if (last == Kind::jump && !shadow.empty() && shadow.back().return_address == address &&
             cpu().esp() > shadow.back().slot) {
    shadow.pop_back();  // a return address that was popped and jumped to
  }
}

void X86Machine::on_instruction(std::uint32_t address, std::uint32_t size) {
  if (!(resumed_ && address == stopped_at_)) follow(address);
  resumed_ = false;
  if (!failure_.empty() || (before_instruction && before_instruction(address))) {
    uc_emu_stop(engine_);
    stopped_at_ = address;
    return;
  }
  last_ = kind_at(address);
  if (last_ == Kind::call) made_ = {address + size, 0, cpu().gpr, 0};
}

void X86Machine::run(std::uint32_t until) {
  last_ = Kind::other;
  failure_.clear();
  resumed_ = true;
  until_ = until;
  const uc_err error = uc_emu_start(engine_, cpu().eip, until, 0, 0);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  const bool fault = error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED;
  if (fault && stop_at_faults) {
    stopped_at_ = cpu().eip;
    return;
  }
  if (error != UC_ERR_OK)
    throw std::runtime_error(fmt::format("{} at {:#x}", uc_strerror(error), cpu().eip));
  if (cpu().eip == until && (last_ == Kind::ret || last_ == Kind::iret)) pop(until);
  if (!failure_.empty()) throw std::runtime_error(failure_);
}

void X86Machine::interrupt(const X86Trap& trap) {
  X86Cpu now = cpu();
  X86ShadowFrame frame{now.eip, 0, now.gpr, trap.handler, true};
  const bool from_user = trap.kernel_stack != 0;
  std::uint32_t sp = from_user ? trap.kernel_stack : now.esp();
  const auto push = [&](std::uint32_t value) { put(sp -= 4, value); };
  if (from_user) {
    push(user_ss);
    push(now.esp());
  }
  push(flags());
  push(from_user ? user_cs : kernel_cs);
  push(now.eip);
  frame.slot = sp;
  if (trap.error_code) push(*trap.error_code);
  shadow.push_back(frame);
  now.gpr[4] = sp;
  now.eip = trap.handler;
  set_cpu(now);
  stopped_at_ = 0;
}

void X86Machine::switch_task(std::uint32_t from_tss, std::uint32_t to_tss) {
  const X86Cpu now = cpu();
  X86Cpu next;
  for (std::uint32_t i = 0; i < 8; i++) {
    put(from_tss + tss_gpr + 4 * i, now.gpr[i]);
    next.gpr[i] = get<std::uint32_t>(to_tss + tss_gpr + 4 * i);
  }
  put(from_tss + tss_eip, now.eip);
  put(from_tss + tss_eflags, flags());
  // Es, Cs, Ss, Ds, Fs, Gs of the kernel.
  constexpr std::uint32_t selectors[] = {0x23, 0x08, 0x10, 0x23, 0x30, 0};
  for (std::uint32_t i = 0; i < 6; i++) put(from_tss + tss_es + 4 * i, selectors[i]);
  put(to_tss + tss_backlink, std::uint32_t{main_tss});
  next.eip = get<std::uint32_t>(to_tss + tss_eip);
  next.gpr[4] -= 4;
  put(next.gpr[4], std::uint32_t{0});  // the error code
  X86ShadowFrame frame{now.eip, from_tss + tss_eip, now.gpr, next.eip};
  frame.task = true;
  shadow.push_back(frame);
  set_cpu(next);
  stopped_at_ = 0;
}

void X86Machine::set_fault_address(std::uint32_t address) {
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_CR2, &address), "CR2");
}

std::uint32_t X86Machine::call(std::uint32_t function, std::span<const std::uint32_t> arguments) {
  X86Cpu start = cpu();
  start.gpr[4] -= static_cast<std::uint32_t>(4 * arguments.size());
  for (std::uint32_t i = 0; i < arguments.size(); i++) put(start.gpr[4] + 4 * i, arguments[i]);
  X86ShadowFrame frame{call_returns_to, start.gpr[4] - 4, start.gpr, function};
  start.gpr[4] = frame.slot;
  put(frame.slot, call_returns_to);
  shadow.push_back(frame);
  start.eip = function;
  set_cpu(start);
  stopped_at_ = 0;
  run(call_returns_to);
  return cpu().gpr[0];
}

}  // namespace ntstack::world
