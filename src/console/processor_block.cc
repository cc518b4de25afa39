#include "console/processor_block.h"

#include <array>
#include <cstring>

#include "analysis/kernel_types.h"
#include "analysis/object_reader.h"
#include "console/thread_text.h"

namespace ntstack::console {
namespace {

using base::Architecture;
using target::Field;

constexpr std::array kX64 = {analysis::KnownField{"Self", 0x18, analysis::kNoOffset},
                             analysis::KnownField{"CurrentPrcb", 0x20, analysis::kNoOffset},
                             analysis::KnownField{"GdtBase", 0, analysis::kNoOffset},
                             analysis::KnownField{"TssBase", 8, analysis::kNoOffset},
                             analysis::KnownField{"IdtBase", 0x38, analysis::kNoOffset},
                             analysis::KnownField{"Irql", 0x50, analysis::kNoOffset, 1},
                             analysis::KnownField{"MajorVersion", 0x60, analysis::kNoOffset, 2},
                             analysis::KnownField{"MinorVersion", 0x62, analysis::kNoOffset, 2}};
constexpr std::array kX86 = {analysis::KnownField{"SelfPcr", analysis::kNoOffset, 0x1c},
                             analysis::KnownField{"Prcb", analysis::kNoOffset, 0x20},
                             analysis::KnownField{"GDT", analysis::kNoOffset, 0x3c},
                             analysis::KnownField{"TSS", analysis::kNoOffset, 0x40},
                             analysis::KnownField{"IDT", analysis::kNoOffset, 0x38},
                             analysis::KnownField{"Irql", analysis::kNoOffset, 0x24, 1},
                             analysis::KnownField{"MajorVersion", analysis::kNoOffset, 0x44, 2},
                             analysis::KnownField{"MinorVersion", analysis::kNoOffset, 0x46, 2}};
// It has no descriptor tables; only types say where the rest is.
constexpr std::array kArm64 = {
    analysis::KnownField{"Self", 0x18, analysis::kNoOffset},
    analysis::KnownField{"CurrentPrcb", analysis::kNoOffset, analysis::kNoOffset},
    analysis::KnownField{"GdtBase", analysis::kNoOffset, analysis::kNoOffset},
    analysis::KnownField{"TssBase", analysis::kNoOffset, analysis::kNoOffset},
    analysis::KnownField{"IdtBase", analysis::kNoOffset, analysis::kNoOffset},
    analysis::KnownField{"CurrentIrql", analysis::kNoOffset, analysis::kNoOffset, 1},
    analysis::KnownField{"MajorVersion", analysis::kNoOffset, analysis::kNoOffset, 2},
    analysis::KnownField{"MinorVersion", analysis::kNoOffset, analysis::kNoOffset, 2}};

std::span<const analysis::KnownField> fields_of(Architecture architecture) {
  if (architecture == Architecture::x86) return kX86;
  return architecture == Architecture::arm64 ? std::span<const analysis::KnownField>(kArm64) : kX64;
}

// x64: where a KPRCB has the control registers that were saved as the processor was stopped
// (KSPECIAL_REGISTERS, public PDB types); nothing where none were: they are zeros then.
std::optional<std::uint64_t> saved_registers_at(const Console& console, const PrcbMemory& prcb) {
  constexpr std::uint32_t special_registers_at = 0x2f2;  // in KDBG
  constexpr std::uint64_t context_in_state = 0xf0, protected_and_paged = 0x80000001;
  if (console.architecture() != Architecture::x64) return std::nullopt;
  const target::Machine& machine = console.machine();
  std::optional<std::uint64_t> at;
  if (machine.kdbg())
    if (const auto given = machine.kdbg()->u16(special_registers_at)) at = *given;
  const auto context = machine.offsets()[Field::kprcb_processor_state];
  if (!at && context && *context >= context_in_state) at = *context - context_in_state;
  const auto cr0 = at ? prcb.number(*at, 8) : std::nullopt;
  const bool is_saved = cr0 && (*cr0 & protected_and_paged) == protected_and_paged;
  return is_saved ? at : std::nullopt;
}

std::optional<std::uint64_t> saved_cr8(const Console& console, const target::Processor& processor) {
  constexpr std::uint64_t cr8 = 0xa0, highest = 15;
  const PrcbMemory prcb(console, processor);
  const auto at = saved_registers_at(console, prcb);
  const auto value = at ? prcb.number(*at + cr8, 8) : std::nullopt;
  return value && *value <= highest ? value : std::nullopt;
}

}  // namespace

PrcbMemory::PrcbMemory(const Console& console, const target::Processor& processor)
    : address_(processor.prcb), wide_(console.is_64_bit()) {
  const auto& triage = console.machine().dump().triage;
  if (processor.prcb != 0)
    memory_ = &console.machine().memory();
  else if (processor.crashed && triage)
    bytes_ = triage->prcb;
}

std::optional<std::uint64_t> PrcbMemory::number(std::uint64_t offset, std::uint64_t size) const {
  if (memory_) return analysis::number_at(*memory_, address_ + offset, size);
  const auto bytes = bytes_.slice(offset, size);
  if (!bytes || size > 8) return std::nullopt;
  std::uint64_t value = 0;
  std::memcpy(&value, bytes->data(), bytes->size());
  return value;
}

std::optional<SavedTables> saved_tables_of(const Console& console,
                                           const target::Processor& processor) {
  constexpr std::uint64_t gdtr_base = 0x58, idtr_base = 0x68;
  const PrcbMemory prcb(console, processor);
  const auto at = saved_registers_at(console, prcb);
  if (!at) return std::nullopt;
  const auto gdt = prcb.number(*at + gdtr_base, 8), idt = prcb.number(*at + idtr_base, 8);
  if (!gdt || !idt || *gdt == 0 || *idt == 0) return std::nullopt;
  return SavedTables{*gdt, *idt};
}

base::Result<ProcessorBlock> processor_block_of(Console& console,
                                                const target::Processor& processor) {
  const auto in_block = console.machine().offsets()[Field::kpcr_prcb];
  if (processor.prcb == 0)
    return base::fail("the KPRCB of processor {} is not in the dump", processor.number);
  if (!in_block || processor.prcb < *in_block)
    return base::fail(
        "how far the KPRCB stands in the KPCR is not known of this build: nt's PDB "
        "(-y) would tell");
  ProcessorBlock block;
  block.address = processor.prcb - *in_block;
  const auto fields = fields_of(console.architecture());
  const analysis::ObjectReader reader(console.kernel_view(), "_KPCR", fields);
  const auto read = [&](std::size_t field) {
    return reader.read(block.address, fields[field].name);
  };
  block.self = read(0);
  block.prcb = read(1);
  if (block.self && *block.self != block.address)
    block.doubt = "it does not point to itself";
  else if (block.prcb && *block.prcb != processor.prcb)
    block.doubt = "it points to another KPRCB";
  if (!block.doubt.empty()) return block;
  block.gdt = read(2);
  block.tss = read(3);
  block.idt = read(4);
  block.irql = read(5);
  block.major = read(6);
  block.minor = read(7);
  return block;
}

std::optional<std::uint64_t> next_thread_of(const Console& console,
                                            const target::Processor& processor) {
  const target::Offsets& offsets = console.machine().offsets();
  const auto current = offsets[Field::kprcb_current_thread];
  const auto idle = offsets[Field::kprcb_idle_thread];
  const std::uint64_t word = console.is_64_bit() ? 8 : 4;
  // It stands between the two in every public layout.
  if (processor.prcb == 0 || !current || !idle || *idle != *current + 2 * word) return std::nullopt;
  return console.machine().memory().pointer(processor.prcb + *current + word, console.is_64_bit());
}

std::optional<Irql> irql_of(Console& console, const target::Processor& processor) {
  const auto saved =
      analysis::field_place(console.kernel_view(), "nt", "_KPRCB", "DebuggerSavedIRQL");
  const auto level = saved ? PrcbMemory(console, processor).number(saved->offset, 1) : std::nullopt;
  if (level) return Irql{*level, "KPRCB.DebuggerSavedIRQL"};
  if (const auto cr8 = saved_cr8(console, processor)) return Irql{*cr8, "the saved CR8"};
  if (console.architecture() != Architecture::x86) return std::nullopt;
  const auto block = processor_block_of(console, processor);
  if (!block || !block->doubt.empty() || !block->irql) return std::nullopt;
  return Irql{*block->irql, "KPCR.Irql"};
}

}  // namespace ntstack::console
