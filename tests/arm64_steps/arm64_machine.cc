#include "arm64_machine.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::tests {
namespace {

void check(uc_err error, const char* what) {
  if (error != UC_ERR_OK) throw std::runtime_error(fmt::format("{}: {}", what, uc_strerror(error)));
}

// Unicorn executes these as hints that do nothing; their effect is made here.
constexpr std::uint32_t pacibsp = 0xd503237f, autibsp = 0xd50323ff, retab = 0xd65f0fff;
constexpr std::uint64_t signature = 0x5aull << 48;

int register_id(unsigned number) {
  if (number == 29) return UC_ARM64_REG_X29;
  if (number == 30) return UC_ARM64_REG_X30;
  return UC_ARM64_REG_X0 + static_cast<int>(number);
}

}  // namespace

Arm64Machine::Arm64Machine(std::uint64_t base, const std::vector<std::byte>& pages) {
  check(uc_open(UC_ARCH_ARM64, UC_MODE_ARM, &engine_), "open");
  check(uc_ctl_set_cpu_model(engine_, UC_CPU_ARM64_MAX), "model");
  const std::uint64_t size = (pages.size() + 0xfff) & ~std::uint64_t{0xfff};
  check(uc_mem_map(engine_, base, size, UC_PROT_ALL), "map");
  check(uc_mem_write(engine_, base, pages.data(), pages.size()), "write");
  check(uc_mem_map(engine_, stack_base - stack_size, stack_size, UC_PROT_ALL), "map");
  check(uc_mem_map(engine_, end_address, 0x1000, UC_PROT_ALL), "map");
  std::uint64_t floats = 3ull << 20;
  check(uc_reg_write(engine_, UC_ARM64_REG_CPACR_EL1, &floats), "CPACR");
  check(uc_hook_add(engine_, &hook_, UC_HOOK_CODE, reinterpret_cast<void*>(on_code), this, 1, 0),
        "hook");
}

Arm64Machine::~Arm64Machine() { uc_close(engine_); }

Arm64Cpu Arm64Machine::cpu() const {
  Arm64Cpu cpu;
  for (unsigned i = 0; i < 31; ++i) uc_reg_read(engine_, register_id(i), &cpu.x[i]);
  uc_reg_read(engine_, UC_ARM64_REG_SP, &cpu.sp);
  uc_reg_read(engine_, UC_ARM64_REG_PC, &cpu.pc);
  return cpu;
}

std::size_t Arm64Machine::read(std::uint64_t address, std::span<std::byte> out) const {
  return uc_mem_read(engine_, address, out.data(), out.size()) == UC_ERR_OK ? out.size() : 0;
}

// Puts a signature on LR, or takes it off.
void Arm64Machine::sign(bool on) {
  std::uint64_t lr = cpu().x[30];
  if (on == ((lr & signature) != 0)) failure_ = fmt::format("LR {:#x} at a signing", lr);
  lr ^= signature;
  uc_reg_write(engine_, UC_ARM64_REG_X30, &lr);
}

// Brings the shadow stack up to the instruction that is about to execute.
void Arm64Machine::follow(std::uint64_t address) {
  if (last_ == Kind::call) {
    ShadowCaller caller = at_last_;
    caller.pc += 4;
    shadow_.push_back(caller);
  } else if (last_ == Kind::ret) {
    if (shadow_.empty() || shadow_.back().pc != address || shadow_.back().sp != cpu().sp) {
      failure_ = fmt::format("a return to {:#x} that no call made", address);
      return;
    }
    shadow_.pop_back();
  }
  std::uint32_t word = 0;
  uc_mem_read(engine_, address, &word, sizeof(word));
  if (last_word_ == pacibsp) sign(true);
  if (last_word_ == autibsp || word == retab) sign(false);
  last_word_ = word;
  const bool is_call = (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000;
  const bool is_return = (word & 0xfffffc1f) == 0xd65f0000 || word == 0xd65f0bff ||
                         word == 0xd65f0fff;  // ret; retaa, retab
  last_ = is_call ? Kind::call : is_return ? Kind::ret : Kind::other;
  at_last_ = cpu();
  at_last_.pc = address;
}

void Arm64Machine::on_code(uc_engine* engine, std::uint64_t address, std::uint32_t /*size*/,
                           void* self) {
  auto& machine = *static_cast<Arm64Machine*>(self);
  machine.follow(address);
  if (!machine.failure_.empty() || (machine.before_instruction && !machine.before_instruction()))
    uc_emu_stop(engine);
}

void Arm64Machine::call(std::uint64_t function, std::uint64_t argument) {
  Arm64Cpu start;
  for (unsigned i = 0; i < 31; ++i) start.x[i] = 0x1111000000000000 + i;
  start.x[0] = argument;
  start.x[30] = end_address;
  start.sp = stack_base - 0x100;
  for (unsigned i = 0; i < 31; ++i) uc_reg_write(engine_, register_id(i), &start.x[i]);
  uc_reg_write(engine_, UC_ARM64_REG_SP, &start.sp);
  ShadowCaller outermost = start;
  outermost.pc = end_address;
  shadow_.assign(1, outermost);
  last_ = Kind::other;
  last_word_ = 0;
  failure_.clear();
  const uc_err error = uc_emu_start(engine_, function, end_address, 0, 0);
  if (!failure_.empty()) throw std::runtime_error(failure_);
  check(error, "run");
}

}  // namespace ntstack::tests
