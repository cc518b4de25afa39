#include "world/machine.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::array<int, 16> gpr_ids = {
    UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
    UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
    UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};

constexpr std::uint64_t gdt_address = 0xfffff80000001000;
constexpr std::uint64_t kernel_cs = 0x10, kernel_ss = 0x18, user_cs = 0x33, user_ss = 0x2b;

}  // namespace

Machine::Machine() : GuestMemory(UC_ARCH_X86, UC_MODE_64) {
  map(gdt_address, 0x1000);
  put<std::uint64_t>(gdt_address + kernel_cs, 0x00209b0000000000);
  put<std::uint64_t>(gdt_address + kernel_ss, 0x00cf93000000ffff);
  put<std::uint64_t>(gdt_address + (user_ss & ~7ull), 0x00cff3000000ffff);
  put<std::uint64_t>(gdt_address + (user_cs & ~7ull), 0x0020fb0000000000);
  uc_x86_mmr gdt{0, gdt_address, 0x7f, 0};
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_GDTR, &gdt), "GDTR");
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_CS, &kernel_cs), "CS");
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_SS, &kernel_ss), "SS");
  check_unicorn(uc_context_alloc(engine_, &reset_), "context");
  check_unicorn(uc_context_save(engine_, reset_), "context");
  const auto hook = [](uc_engine*, std::uint64_t address, std::uint32_t size, void* self) {
    static_cast<Machine*>(self)->on_instruction(address, size);
  };
  void (*function)(uc_engine*, std::uint64_t, std::uint32_t, void*) = hook;
  check_unicorn(
      uc_hook_add(engine_, &hook_, UC_HOOK_CODE, reinterpret_cast<void*>(function), this, 1, 0),
      "hook");
  if (cs_open(CS_ARCH_X86, CS_MODE_64, &disassembler_) != CS_ERR_OK)
    throw std::runtime_error("cs_open");
}

Machine::~Machine() {
  cs_close(&disassembler_);
  uc_context_free(reset_);
}

Cpu Machine::cpu() const {
  Cpu cpu;
  for (unsigned i = 0; i < 16; i++) uc_reg_read(engine_, gpr_ids[i], &cpu.gpr[i]);
  uc_reg_read(engine_, UC_X86_REG_RIP, &cpu.rip);
  return cpu;
}

void Machine::set_cpu(const Cpu& cpu) {
  for (unsigned i = 0; i < 16; i++) uc_reg_write(engine_, gpr_ids[i], &cpu.gpr[i]);
  uc_reg_write(engine_, UC_X86_REG_RIP, &cpu.rip);
}

std::uint64_t Machine::flags() const {
  std::uint64_t flags = 0;
  uc_reg_read(engine_, UC_X86_REG_EFLAGS, &flags);
  return flags;
}

void Machine::set_gs(std::uint64_t current, std::uint64_t other) {
  uc_reg_write(engine_, UC_X86_REG_GS_BASE, &current);
  uc_x86_msr kernel_gs_base{0xc0000102, other};
  uc_reg_write(engine_, UC_X86_REG_MSR, &kernel_gs_base);
}

void Machine::reset_cpu() {
  check_unicorn(uc_context_restore(engine_, reset_), "resetting the processor");
}

Machine::Kind Machine::classify(std::uint64_t address, std::uint32_t size) {
  if (const auto known = kinds_.find(address); known != kinds_.end()) return known->second;
  const auto bytes = read(address, size);
  cs_insn* decoded = nullptr;
  const std::size_t count =
      cs_disasm(disassembler_, bytes.data(), bytes.size(), address, 1, &decoded);
  Kind kind = Kind::other;
  if (count == 1) {
    switch (decoded->id) {
      case X86_INS_CALL:
        kind = Kind::call;
        break;
      case X86_INS_RET:
        kind = Kind::ret;
        break;
      case X86_INS_IRETQ:
        kind = Kind::iret;
        break;
      default:
        break;
    }
    cs_free(decoded, count);
  } else {
    failure_ = fmt::format("{:#x} does not disassemble", address);
  }
  return kinds_[address] = kind;
}

ShadowFrame Machine::caller_now() const {
  ShadowFrame frame;
  const Cpu now = cpu();
  frame.caller_gpr = now.gpr;
  frame.caller_sp = now.rsp();
  return frame;
}

// Told at the first instruction after a call: the return address is the newest thing on the stack.
void Machine::push_call(std::uint64_t address) {
  ShadowFrame frame = last_caller_;
  frame.return_address = last_return_;
  frame.slot = cpu().rsp();
  frame.entry = address;
  if (frame.slot + 8 != frame.caller_sp || get(frame.slot) != last_return_) {
    failure_ = fmt::format("the call before {:#x} left no return address", address);
  }
  shadow.push_back(frame);
}

void Machine::push_machine_frame(std::uint64_t address, std::uint64_t rip_slot, bool error_code) {
  ShadowFrame frame = caller_now();
  frame.return_address = get(rip_slot);
  frame.slot = rip_slot;
  frame.caller_sp = get(rip_slot + 0x18);
  frame.caller_gpr[4] = frame.caller_sp;
  frame.entry = address;
  frame.machine_frame = true;
  frame.error_code = error_code;
  shadow.push_back(frame);
}

void Machine::pop(std::uint64_t address) {
  if (shadow.empty()) {
    failure_ = fmt::format("a return to {:#x} that no call made", address);
    return;
  }
  const ShadowFrame& top = shadow.back();
  if (top.return_address != address || top.caller_sp != cpu().rsp()) {
    failure_ = fmt::format("returned to {:#x}, sp {:#x} instead of {:#x}, sp {:#x}", address,
                           cpu().rsp(), top.return_address, top.caller_sp);
  }
  shadow.pop_back();
}

// Brings the shadow stack up to the instruction that is about to execute.
void Machine::follow(std::uint64_t address) {
  const Kind last = last_;
  last_ = Kind::other;
  if (last == Kind::call) {
    push_call(address);
  } else if (last == Kind::ret || last == Kind::iret) {
    pop(address);
  } else if (const auto entry = machine_frame_entries.find(address);
             entry != machine_frame_entries.end()) {
    push_machine_frame(address, cpu().rsp() + entry->second, false);
  }
}

void Machine::on_instruction(std::uint64_t address, std::uint32_t size) {
  if (!(resumed_ && address == stopped_at_)) follow(address);
  resumed_ = false;
  if (!failure_.empty() || (before_instruction && before_instruction(address))) {
    uc_emu_stop(engine_);
    stopped_at_ = address;
    return;
  }
  last_ = classify(address, size);
  if (last_ == Kind::call) {
    last_return_ = address + size;
    last_caller_ = caller_now();
  }
}

void Machine::run(std::uint64_t until) {
  last_ = Kind::other;
  failure_.clear();
  resumed_ = true;
  until_ = until;
  const uc_err error = uc_emu_start(engine_, cpu().rip, until, 0, 0);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  const bool fault = error == UC_ERR_READ_UNMAPPED || error == UC_ERR_WRITE_UNMAPPED;
  if (fault && stop_at_faults) {
    stopped_at_ = cpu().rip;
    return;
  }
  if (error != UC_ERR_OK)
    throw std::runtime_error(fmt::format("{} at {:#x}", uc_strerror(error), cpu().rip));
  if (cpu().rip == until && (last_ == Kind::ret || last_ == Kind::iret)) pop(until);
  if (!failure_.empty()) throw std::runtime_error(failure_);
}

void Machine::interrupt(const Trap& trap) {
  Cpu now = cpu();
  const bool from_user = trap.kernel_stack != 0;
  std::uint64_t sp = (from_user ? trap.kernel_stack : now.rsp()) & ~15ull;
  const auto push = [&](std::uint64_t value) { put(sp -= 8, value); };
  push(from_user ? user_ss : kernel_ss);
  push(now.rsp());
  push(flags());
  push(from_user ? user_cs : kernel_cs);
  push(now.rip);
  const std::uint64_t rip_slot = sp;
  if (trap.error_code) push(*trap.error_code);
  push_machine_frame(trap.handler, rip_slot, trap.error_code.has_value());
  now.gpr[4] = sp;
  now.rip = trap.handler;
  set_cpu(now);
  stopped_at_ = 0;
}

void Machine::set_fault_address(std::uint64_t address) {
  check_unicorn(uc_reg_write(engine_, UC_X86_REG_CR2, &address), "CR2");
}

std::uint64_t Machine::call(std::uint64_t function, std::span<const std::uint64_t> arguments) {
  constexpr std::array<unsigned, 4> order = {1, 2, 8, 9};  // RCX, RDX, R8, R9
  const std::uint64_t back = gdt_address + 0x800;          // never executed
  Cpu start = cpu();
  start.gpr[4] = ((start.gpr[4] - 0x40 - 8 * arguments.size()) & ~15ull);
  ShadowFrame frame = caller_now();
  frame.caller_sp = frame.caller_gpr[4] = start.gpr[4];
  for (std::size_t i = 0; i < arguments.size(); i++) {
    if (i < 4)
      start.gpr[order[i]] = arguments[i];
    else
      put(start.gpr[4] + 8 * i, arguments[i]);
  }
  frame.caller_gpr = start.gpr;
  start.gpr[4] -= 8;
  put(start.gpr[4], back);
  frame.return_address = back;
  frame.slot = start.gpr[4];
  frame.entry = function;
  shadow.push_back(frame);
  start.rip = function;
  set_cpu(start);
  stopped_at_ = 0;
  run(back);
  return cpu().gpr[0];
}

}  // namespace ntstack::world
