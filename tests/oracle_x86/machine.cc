#include "machine.h"

#include <fmt/format.h>

#include <algorithm>

namespace ntstack::tests {
namespace {

constexpr std::array<int, 8> kIds = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                                     UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
                                     UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr std::uint32_t kEnd = 0x00050000;  // where the program returns to

}  // namespace

std::size_t read_pages(uc_engine* engine, std::uint64_t address, std::span<std::byte> out) {
  if (uc_mem_read(engine, address, out.data(), out.size()) == UC_ERR_OK) return out.size();
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t left_of_page = 0x1000 - (address + done) % 0x1000;
    const std::size_t part = std::min(out.size() - done, left_of_page);
    if (uc_mem_read(engine, address + done, &out[done], part) != UC_ERR_OK) break;
    done += part;
  }
  return done;
}

X86Machine::X86Machine(const pe::Image& image) {
  uc_open(UC_ARCH_X86, UC_MODE_32, &engine_);
  uc_mem_map(engine_, stack_low, stack_high - stack_low, UC_PROT_ALL);
  uc_mem_map(engine_, kEnd, 0x1000, UC_PROT_ALL);
  const auto base = static_cast<std::uint32_t>(image.preferred_base());
  uc_mem_map(engine_, base, (image.size_of_image() + 0xfffu) & ~0xfffu, UC_PROT_ALL);
  for (const auto& section : image.sections()) {
    std::vector<std::byte> bytes(section.virtual_size);
    bytes.resize(image.read(section.rva, bytes));
    uc_mem_write(engine_, base + section.rva, bytes.data(), bytes.size());
  }
  const auto hook = [](uc_engine*, std::uint64_t address, std::uint32_t size, void* self) {
    static_cast<X86Machine*>(self)->on_instruction(static_cast<std::uint32_t>(address), size);
  };
  void (*function)(uc_engine*, std::uint64_t, std::uint32_t, void*) = hook;
  uc_hook_add(engine_, &hook_, UC_HOOK_CODE, reinterpret_cast<void*>(function), this, 1, 0);
}

X86Machine::~X86Machine() { uc_close(engine_); }

std::array<std::uint32_t, 8> X86Machine::gpr() const {
  std::array<std::uint32_t, 8> values{};
  for (std::size_t i = 0; i < values.size(); ++i) uc_reg_read(engine_, kIds[i], &values[i]);
  return values;
}

std::size_t X86Machine::read(std::uint64_t address, std::span<std::byte> out) const {
  return read_pages(engine_, address, out);
}

void X86Machine::on_instruction(std::uint32_t address, std::uint32_t size) {
  const auto now = gpr();
  const auto sp = now[4];
  if (was_call_) {
    made_.slot = sp;
    if (get<std::uint32_t>(sp) != made_.return_address) failure_ = "a call left no return address";
    shadow_.push_back(made_);
  }
  if (was_return_ && !shadow_.empty()) {
    const Call& top = shadow_.back();
    if (top.return_address != address)
      failure_ = fmt::format("returned to {:#x} instead of {:#x}", address, top.return_address);
    shadow_.pop_back();
  }
  was_call_ = was_return_ = false;
  if (!failure_.empty()) {
    uc_emu_stop(engine_);
    return;
  }
  before_(address);
  const auto code = get<std::uint16_t>(address).value_or(0);
  const unsigned first = code & 0xff, reg = code >> 11 & 7;
  was_call_ = first == 0xe8 || (first == 0xff && reg == 2);
  was_return_ = first == 0xc3 || first == 0xc2;
  made_ = {address + size, 0, now};
}

void X86Machine::run(std::uint32_t entry, std::function<void(std::uint32_t)> before) {
  before_ = std::move(before);
  constexpr std::array<std::uint32_t, 8> others = {1, 2, 3, 0xb0b0, 0, 0, 0x5151, 0xd1d1};
  for (std::size_t i = 0; i < others.size(); ++i) uc_reg_write(engine_, kIds[i], &others[i]);
  const std::uint32_t sp = stack_high - 0x100;
  uc_mem_write(engine_, sp, &kEnd, 4);
  uc_reg_write(engine_, UC_X86_REG_ESP, &sp);
  shadow_ = {{kEnd, sp, others}};
  const uc_err error = uc_emu_start(engine_, entry, kEnd, 0, 0);
  if (error != UC_ERR_OK && failure_.empty()) failure_ = uc_strerror(error);
}

}  // namespace ntstack::tests
