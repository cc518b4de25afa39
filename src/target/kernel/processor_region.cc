#include "target/kernel/processor_region.h"

namespace ntstack::target {
namespace {

using base::Architecture;

struct RegionLayout {
  std::uint32_t self, prcb, idt, version_block;
};
constexpr RegionLayout kX64{0x18, 0x20, 0x38, 0x108}, kX86{0x1c, 0x20, 0x38, 0x34};

constexpr std::uint64_t kRegionSelector = 0x30;  // x86's kernel FS
constexpr std::uint8_t kGatePresent = 0x80;

bool is_kernel_address(std::uint64_t address, Architecture architecture) {
  return architecture == Architecture::x86 ? address >= 0x80000000 && address <= UINT32_MAX
                                           : address >> 47 == 0x1ffff;
}

// The base of a segment in its descriptor's three parts.
std::optional<std::uint64_t> segment_base(const base::ByteSource& memory,
                                          std::uint64_t descriptor) {
  const auto bits = memory.get<std::uint64_t>(descriptor);
  if (!bits) return std::nullopt;
  return (*bits >> 16 & 0xffffff) | (*bits >> 56 & 0xff) << 24;
}

}  // namespace

std::optional<std::uint64_t> first_interrupt_handler(const base::ByteSource& memory,
                                                     std::uint64_t idt, Architecture architecture) {
  const auto gate = memory.get<std::uint64_t>(idt);
  if (!gate || (*gate >> 40 & kGatePresent) == 0) return std::nullopt;
  std::uint64_t handler = (*gate & 0xffff) | (*gate >> 48 & 0xffff) << 16;
  if (architecture == Architecture::x64) {
    const auto high = memory.get<std::uint32_t>(idt + 8);
    if (!high) return std::nullopt;
    handler |= std::uint64_t{*high} << 32;
  }
  if (!is_kernel_address(handler, architecture)) return std::nullopt;
  return handler;
}

std::optional<ProcessorRegion> processor_region_at(const base::ByteSource& memory,
                                                   std::uint64_t address,
                                                   Architecture architecture) {
  if (architecture == Architecture::arm64 || !is_kernel_address(address, architecture))
    return std::nullopt;
  const bool is_64_bit = architecture == Architecture::x64;
  const RegionLayout& layout = is_64_bit ? kX64 : kX86;
  if (memory.pointer(address + layout.self, is_64_bit) != address) return std::nullopt;
  const auto value = [&](std::uint32_t at) {
    const auto found = memory.pointer(address + at, is_64_bit).value_or(0);
    return is_kernel_address(found, architecture) ? found : 0;
  };
  return ProcessorRegion{address, value(layout.prcb), value(layout.idt),
                         value(layout.version_block)};
}

std::optional<ProcessorRegion> processor_region_of(const base::ByteSource& memory,
                                                   const dump::ProcessorRecord& processor,
                                                   Architecture architecture) {
  for (const auto& base : {processor.gs_base, processor.kernel_gs_base, processor.fs_base}) {
    if (!base) continue;
    if (auto found = processor_region_at(memory, *base, architecture)) return found;
  }
  if (architecture != Architecture::x86 || !processor.gdt_base) return std::nullopt;
  const auto base = segment_base(memory, *processor.gdt_base + kRegionSelector);
  return base ? processor_region_at(memory, *base, architecture) : std::nullopt;
}

std::optional<VersionBlock> read_version_block(const base::ByteSource& memory,
                                               std::uint64_t address, bool is_64_bit) {
  const auto words = memory.get<std::array<std::uint64_t, 3>>(address + 0x10);
  if (!words) return std::nullopt;
  const std::uint64_t mask = is_64_bit ? UINT64_MAX : UINT32_MAX;
  return VersionBlock{(*words)[0] & mask, (*words)[1] & mask, (*words)[2] & mask};
}

}  // namespace ntstack::target
