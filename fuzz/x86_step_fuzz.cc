// Walks with code, frame records, a program, a stack and registers that all come from the input.
// Every step with a cache equals the one without, and a stack grows but across a trap frame.
#include <cstdlib>
#include <span>

#include "unwind/x86_cache.h"
#include "unwind/x86_trap.h"

namespace {

using namespace ntstack;
namespace x86 = unwind::x86;

constexpr std::uint32_t kBase = 0x80400000, kStack = 0x80010000;
constexpr std::size_t kRegistersSize = 20, kRecordSize = 12, kRecords = 4, kTextSize = 512;

// Records in the low kilobyte of the code; programs are the input's first text.
class Records : public x86::CodeMap {
 public:
  Records(std::string_view program, base::Bytes records) : program_(program), records_(records) {}
  const unwind::Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const unwind::Module&,
                                                    std::uint32_t rva) const override {
    for (std::size_t i = 0; i < kRecords; i += 2) {
      pdb::FrameDataRecord record;
      record.rva = at(i, 0);
      record.size = at(i, 2);
      record.locals_size = at(i, 4);
      record.params_size = at(i, 6);
      record.saved_registers_size = at(i, 8);
      record.prolog_size = static_cast<std::uint16_t>(at(i, 10) & 0xff);
      record.flags = at(i, 10) >> 8;
      record.program = (record.flags & 8) != 0 ? std::string_view() : program_;
      if (rva - record.rva < record.size) return record;
    }
    return {};
  }
  std::optional<pdb::FpoRecord> fpo_at(const unwind::Module&, std::uint32_t rva) const override {
    for (std::size_t i = 1; i < kRecords; i += 2) {
      pdb::FpoRecord record;
      record.rva = at(i, 0);
      record.size = at(i, 2);
      record.locals_size = at(i, 4) * 4u;
      record.params_size = at(i, 6);
      record.saved_registers = at(i, 8) & 7;
      record.uses_bp = (at(i, 8) & 8) != 0;
      record.frame_type = at(i, 8) >> 4 & 3;
      if (rva - record.rva < record.size) return record;
    }
    return {};
  }

 private:
  std::uint16_t at(std::size_t record, std::size_t offset) const {
    return records_.get_or<std::uint16_t>(record * kRecordSize + offset, 0);
  }
  unwind::Module module_{kBase, 0x1000, nullptr, {}};
  std::string_view program_;
  base::Bytes records_;
};

x86::Registers registers_from(base::Bytes bytes) {
  x86::Registers registers;
  for (std::size_t i = 0; i < 8; ++i)
    registers.gpr[i] = kStack + bytes.get_or<std::uint16_t>(2 * i, 0) % 0x1000u;
  registers.eip = kBase + bytes.get_or<std::uint16_t>(16, 0) % 0x400u;
  registers.known = bytes.get_or<std::uint8_t>(18, 0) | (1u << x86::esp);
  return registers;
}

void require(bool condition) {
  if (!condition) std::abort();
}

void require_same(const std::expected<x86::Step, x86::StepError>& a,
                  const std::expected<x86::Step, x86::StepError>& b) {
  require(a.has_value() == b.has_value());
  if (!a) return require(a.error() == b.error());
  require(a->trust == b->trust && a->return_slot == b->return_slot);
  require(a->trap_frame == b->trap_frame && a->caller.known == b->caller.known);
  require(a->caller.eip == b->caller.eip && a->caller.after_call == b->caller.after_call);
  require(a->caller.gpr == b->caller.gpr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::Bytes input(std::as_bytes(std::span(data, size)));
  const std::string_view program = input.text(0);
  std::size_t at = program.size() + 1;
  const auto take = [&](std::size_t wanted) {
    const base::Bytes taken = input.clamp(at, wanted);
    at += wanted;
    return taken;
  };
  x86::Registers registers = registers_from(take(kRegistersSize));
  bool is_call_site = (registers.known & 1) != 0;
  const Records code(program, take(kRecords * kRecordSize));
  const base::Bytes text = take(kTextSize);
  const base::Bytes stack = input.clamp(at, 0x1000);
  const base::SegmentSource memory({{kStack, stack}, {kBase, text}});
  const x86::StackRange range{kStack, kStack + 0x1000, x86::TrapLayout::since_8_1};
  x86::RuleCache cache(4);
  for (int i = 0; i < 16; ++i) {
    const auto cold = x86::step(code, memory, registers, is_call_site, range);
    require_same(cold, x86::step(code, memory, registers, is_call_site, range, &cache));
    require_same(cold, x86::step(code, memory, registers, is_call_site, range, &cache));
    if (!cold) break;
    require(cold->trap_frame || cold->caller.gpr[x86::esp] > registers.gpr[x86::esp]);
    registers = cold->caller;
    is_call_site = !cold->trap_frame;
  }
  return 0;
}
