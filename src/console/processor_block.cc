#include "console/processor_block.h"

#include <array>

#include "console/kernel_types.h"
#include "console/object_reader.h"
#include "console/thread_text.h"

namespace ntstack::console {
namespace {

using base::Architecture;
using target::Field;

constexpr std::array kX64 = {KnownField{"Self", 0x18, kNoOffset},
                             KnownField{"CurrentPrcb", 0x20, kNoOffset},
                             KnownField{"GdtBase", 0, kNoOffset},
                             KnownField{"TssBase", 8, kNoOffset},
                             KnownField{"IdtBase", 0x38, kNoOffset},
                             KnownField{"Irql", 0x50, kNoOffset, 1},
                             KnownField{"MajorVersion", 0x60, kNoOffset, 2},
                             KnownField{"MinorVersion", 0x62, kNoOffset, 2}};
constexpr std::array kX86 = {KnownField{"SelfPcr", kNoOffset, 0x1c},
                             KnownField{"Prcb", kNoOffset, 0x20},
                             KnownField{"GDT", kNoOffset, 0x3c},
                             KnownField{"TSS", kNoOffset, 0x40},
                             KnownField{"IDT", kNoOffset, 0x38},
                             KnownField{"Irql", kNoOffset, 0x24, 1},
                             KnownField{"MajorVersion", kNoOffset, 0x44, 2},
                             KnownField{"MinorVersion", kNoOffset, 0x46, 2}};
// It has no descriptor tables; only types say where the rest is.
constexpr std::array kArm64 = {KnownField{"Self", 0x18, kNoOffset},
                               KnownField{"CurrentPrcb", kNoOffset, kNoOffset},
                               KnownField{"GdtBase", kNoOffset, kNoOffset},
                               KnownField{"TssBase", kNoOffset, kNoOffset},
                               KnownField{"IdtBase", kNoOffset, kNoOffset},
                               KnownField{"CurrentIrql", kNoOffset, kNoOffset, 1},
                               KnownField{"MajorVersion", kNoOffset, kNoOffset, 2},
                               KnownField{"MinorVersion", kNoOffset, kNoOffset, 2}};

std::span<const KnownField> fields_of(Architecture architecture) {
  if (architecture == Architecture::x86) return kX86;
  return architecture == Architecture::arm64 ? std::span<const KnownField>(kArm64) : kX64;
}

// x64: CR8 where the processor's state was saved as it was stopped (KSPECIAL_REGISTERS, public PDB
// types). One that was not saved is all zeros.
std::optional<std::uint64_t> saved_cr8(const Console& console, std::uint64_t prcb) {
  constexpr std::uint32_t special_registers_at = 0x2f2;  // in KDBG
  constexpr std::uint64_t context_in_state = 0xf0, cr8 = 0xa0;
  if (console.architecture() != Architecture::x64) return std::nullopt;
  const target::Machine& machine = console.machine();
  std::optional<std::uint64_t> at;
  if (machine.kdbg())
    if (const auto given = machine.kdbg()->u16(special_registers_at)) at = *given;
  const auto context = machine.offsets()[Field::kprcb_processor_state];
  if (!at && context && *context >= context_in_state) at = *context - context_in_state;
  if (!at) return std::nullopt;
  const auto cr0 = machine.memory().get<std::uint64_t>(prcb + *at);
  const auto value = machine.memory().get<std::uint64_t>(prcb + *at + cr8);
  constexpr std::uint64_t protected_and_paged = 0x80000001, highest = 15;
  if (!cr0 || (*cr0 & protected_and_paged) != protected_and_paged) return std::nullopt;
  return value && *value <= highest ? value : std::nullopt;
}

}  // namespace

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
  const ObjectReader reader(console, "_KPCR", fields);
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
  if (processor.prcb == 0) return std::nullopt;
  const auto saved = kernel_field(console, processor.prcb, "_KPRCB", "DebuggerSavedIRQL");
  if (saved) return Irql{*saved & 0xff, "KPRCB.DebuggerSavedIRQL"};
  if (const auto cr8 = saved_cr8(console, processor.prcb)) return Irql{*cr8, "the saved CR8"};
  if (console.architecture() != Architecture::x86) return std::nullopt;
  const auto block = processor_block_of(console, processor);
  if (!block || !block->doubt.empty() || !block->irql) return std::nullopt;
  return Irql{*block->irql, "KPCR.Irql"};
}

}  // namespace ntstack::console
