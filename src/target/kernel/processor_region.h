// What a processor's own tables say of the kernel: the interrupt table's first handler is nt's, and
// the KPCR leads to KdVersionBlock. x86 and x64; ARM64's containers save none of these registers.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"
#include "dump/dump.h"

namespace ntstack::target {

// The handler of interrupt 0 (divide error) in the interrupt table at `idt`; nothing where there is
// no gate of the processor.
std::optional<std::uint64_t> first_interrupt_handler(const base::ByteSource& memory,
                                                     std::uint64_t idt,
                                                     base::Architecture architecture);

// A KPCR (public PDB types) that points to itself, as every one does.
struct ProcessorRegion {
  std::uint64_t address = 0;
  std::uint64_t prcb = 0;           // 0 where it names none
  std::uint64_t idt = 0;            // IdtBase, x86: IDT
  std::uint64_t version_block = 0;  // KdVersionBlock; 0 on all processors but the first, and later
};
std::optional<ProcessorRegion> processor_region_at(const base::ByteSource& memory,
                                                   std::uint64_t address,
                                                   base::Architecture architecture);

// By the segment that the kernel addresses it through: x64 GS, whichever of the two bases is the
// kernel's; x86 FS in the kernel, else selector 30 of the processor's descriptor table.
std::optional<ProcessorRegion> processor_region_of(const base::ByteSource& memory,
                                                   const dump::ProcessorRecord& processor,
                                                   base::Architecture architecture);

// Where 32-bit Windows up to XP (and ReactOS) has the first processor's.
inline constexpr std::uint64_t kFixedProcessorRegion = 0xffdff000;

// DBGKD_GET_VERSION64 of the SDK's wdbgexts.h. Addresses of 32-bit kernels are cut to 32 bits.
struct VersionBlock {
  std::uint64_t kernel_base = 0, loaded_module_list = 0, debugger_data_list = 0;
};
std::optional<VersionBlock> read_version_block(const base::ByteSource& memory,
                                               std::uint64_t address, bool is_64_bit);

}  // namespace ntstack::target
