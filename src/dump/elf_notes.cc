#include "dump/elf_notes.h"

#include <algorithm>

#include "dump/cpu_context.h"
#include "dump/records.h"

namespace ntstack::dump {

namespace {

constexpr std::size_t most_processors = 2048;  // more than Windows runs on

// QEMUCPUState, the note that QEMU writes for each x86 processor (in its target/i386/arch_dump.c;
// elf2dmp reads it too): version, size, then 64-bit registers, segments, control registers.
namespace qemu {
constexpr std::uint64_t size_at = 4;
constexpr std::uint64_t registers_at = 8;  // rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15
constexpr std::uint64_t rip_at = 0x88;
constexpr std::uint64_t rflags_at = 0x90;
constexpr std::uint64_t segments_at = 0x98;  // cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt
constexpr std::uint64_t segment_size = 0x18;
constexpr std::uint64_t segment_base = 0x10;
constexpr std::uint64_t control_at = 0x188;  // cr0 to cr4
constexpr std::uint64_t kernel_gs_at = 0x1b0;
constexpr std::uint64_t least_size = kernel_gs_at;  // older QEMUs end here
enum : std::uint64_t { cs, ds, es, fs, gs, ss, ldt, tr, gdt, idt };
}  // namespace qemu

static_assert(qemu::segments_at + 10 * qemu::segment_size == qemu::control_at);
static_assert(qemu::control_at + 5 * 8 == qemu::kernel_gs_at);

X86Registers registers_of_qemu(base::Bytes state) {
  using R = X86Registers;
  constexpr std::size_t order[] = {R::rax, R::rbx, R::rcx, R::rdx, R::rsi, R::rdi, R::rsp, R::rbp};
  X86Registers out;
  for (std::size_t i = 0; i < out.gpr.size(); ++i) {
    out.gpr[i < std::size(order) ? order[i] : i] =
        state.get_or<std::uint64_t>(qemu::registers_at + i * 8, 0);
  }
  out.rip = state.get_or<std::uint64_t>(qemu::rip_at, 0);
  out.rflags = state.get_or<std::uint64_t>(qemu::rflags_at, 0);
  const auto selector = [&](std::uint64_t segment) {
    return state.get_or<std::uint16_t>(qemu::segments_at + segment * qemu::segment_size, 0);
  };
  out.cs = selector(qemu::cs);
  out.ds = selector(qemu::ds);
  out.es = selector(qemu::es);
  out.fs = selector(qemu::fs);
  out.gs = selector(qemu::gs);
  out.ss = selector(qemu::ss);
  return out;
}

ProcessorRecord processor_of_qemu(base::Bytes state, base::Architecture architecture) {
  ProcessorRecord out;
  out.context = context_of(registers_of_qemu(state), architecture);
  const auto base_of = [&](std::uint64_t segment) {
    return state.get<std::uint64_t>(qemu::segments_at + segment * qemu::segment_size +
                                    qemu::segment_base);
  };
  const auto control = [&](std::uint64_t number) {
    return state.get<std::uint64_t>(qemu::control_at + number * 8);
  };
  out.cr0 = control(0);
  out.cr3 = control(3);
  out.cr4 = control(4);
  out.fs_base = base_of(qemu::fs);
  out.gs_base = base_of(qemu::gs);
  out.gdt_base = base_of(qemu::gdt);
  out.idt_base = base_of(qemu::idt);
  out.kernel_gs_base = state.get<std::uint64_t>(qemu::kernel_gs_at);
  return out;
}

// elf_prstatus of ARM64: x0 to x30, sp, pc, pstate.
constexpr std::uint64_t arm64_registers_at = 0x70;

ProcessorRecord processor_of_arm64(base::Bytes status) {
  Arm64Registers registers;
  const auto word = [&](std::uint64_t i) {
    return status.get_or<std::uint64_t>(arm64_registers_at + i * 8, 0);
  };
  for (std::size_t i = 0; i < registers.x.size(); ++i) registers.x[i] = word(i);
  registers.sp = word(31);
  registers.pc = word(32);
  registers.cpsr = static_cast<std::uint32_t>(word(33));
  ProcessorRecord out;
  out.context = context_of(registers);
  return out;
}

constexpr std::uint32_t note_prstatus = 1;
constexpr std::uint64_t note_header_size = 12;  // size of the name, size of the rest, type
constexpr std::uint64_t aligned(std::uint64_t size) { return (size + 3) & ~std::uint64_t{3}; }

bool is_x86(base::Architecture architecture) {
  return architecture == base::Architecture::x86 || architecture == base::Architecture::x64;
}

// Adds the processor, if the note is one's; says whether it is of a virtual machine.
bool take_note(std::string_view name, std::uint32_t type, base::Bytes content, Dump& dump) {
  std::optional<ProcessorRecord> found;
  if (name == "QEMU" && is_x86(dump.architecture)) {
    const std::uint64_t size = content.get_or<std::uint32_t>(qemu::size_at, 0);
    if (size >= qemu::least_size && content.size() >= qemu::least_size) {
      found = processor_of_qemu(content.clamp(0, size), dump.architecture);
    }
  } else if (name == "CORE" && type == note_prstatus &&
             dump.architecture == base::Architecture::arm64 &&
             content.contains(arm64_registers_at, 34 * 8)) {
    found = processor_of_arm64(content);
  }
  if (found && dump.processors.size() < most_processors) {
    found->number = static_cast<std::uint32_t>(dump.processors.size());
    dump.processors.push_back(std::move(*found));
  }
  return name == "QEMU" || name == "VBCORE" || name == "VBCPU";
}

}  // namespace

bool read_elf_notes(base::Bytes notes, Dump& dump) {
  bool of_machine = false;
  std::uint64_t at = 0;
  while (notes.contains(at, note_header_size)) {
    const std::uint64_t name_size = notes.get_or<std::uint32_t>(at, 0);
    const std::uint64_t size = notes.get_or<std::uint32_t>(at + 4, 0);
    const auto type = notes.get_or<std::uint32_t>(at + 8, 0);
    const std::uint64_t name_at = at + note_header_size;
    const std::uint64_t content_at = name_at + aligned(name_size);
    const std::string_view name = notes.clamp(name_at, name_size).text(0);
    of_machine |= take_note(name, type, notes.clamp(content_at, size), dump);
    at = content_at + aligned(size);
  }
  if (dump.architecture == base::Architecture::x86) {
    dump.pae = std::ranges::any_of(dump.processors, [](const ProcessorRecord& processor) {
      return (processor.cr4.value_or(0) & 0x20) != 0;  // CR4.PAE
    });
  }
  return of_machine;
}

}  // namespace ntstack::dump
