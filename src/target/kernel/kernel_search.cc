#include "target/kernel/kernel_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "dump/start_block.h"
#include "target/kernel/processor_region.h"

namespace ntstack::target {
namespace {

using base::Architecture;
using memory::Paging;

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kMostPages = 0x400000;

class ProcessorSearch {
 public:
  ProcessorSearch(const dump::Dump& dump, const base::ByteSource& memory)
      : dump_(dump), memory_(memory) {}

  std::optional<KernelFound> search() {
    for (const dump::ProcessorRecord& processor : dump_.processors) {
      if (by_registers(processor)) return std::move(found_);
    }
    if (dump_.architecture == Architecture::x86 &&
        by_region(processor_region_at(memory_, kFixedProcessorRegion, Architecture::x86),
                  fmt::format("the KPCR at {:#x}", kFixedProcessorRegion)))
      return std::move(found_);
    if (by_start_block()) return std::move(found_);
    for (const dump::ProcessorRecord& processor : dump_.processors) {
      const auto ip = instruction_pointer(processor);
      if (ip && take(*ip, true, fmt::format("the code that processor {} ran", processor.number)))
        return std::move(found_);
    }
    return std::nullopt;
  }

 private:
  bool take(std::uint64_t address, bool name_needed, std::string found_by) {
    if (ways_left_ == 0) return false;
    --ways_left_;
    auto image = kernel_image_around(memory_, address, dump_.architecture, name_needed);
    if (!image) return false;
    found_ = KernelFound{std::move(*image), std::move(found_by), 0};
    return true;
  }

  bool by_interrupt_table(std::uint64_t idt, const std::string& found_by) {
    const auto handler = first_interrupt_handler(memory_, idt, dump_.architecture);
    return handler && take(*handler, false, found_by);
  }

  bool by_region(const std::optional<ProcessorRegion>& region, const std::string& found_by) {
    if (!region) return false;
    if (region->version_block != 0) {
      const auto block =
          read_version_block(memory_, region->version_block, base::is_64_bit(dump_.architecture));
      auto image = block ? kernel_image_at(memory_, block->kernel_base, dump_.architecture, false)
                         : std::nullopt;
      if (image) {
        found_ =
            KernelFound{std::move(*image), "KdVersionBlock of " + found_by, region->version_block};
        return true;
      }
    }
    return region->idt != 0 &&
           by_interrupt_table(region->idt, "the interrupt table of " + found_by);
  }

  bool by_registers(const dump::ProcessorRecord& processor) {
    const std::string name = fmt::format("processor {}", processor.number);
    const auto region = processor_region_of(memory_, processor, dump_.architecture);
    if (processor.idt_base &&
        by_interrupt_table(*processor.idt_base, "the interrupt table of " + name)) {
      if (region) found_->version_block = region->version_block;
      return true;
    }
    return by_region(region, "the KPCR of " + name);
  }

  bool by_start_block() {
    if (dump_.architecture != Architecture::x64 || !dump_.physical) return false;
    const auto block = dump::find_start_block(*dump_.physical);
    return block && take(block->kernel_entry, true,
                         fmt::format("the processors' start block at {:#x}", block->address));
  }

  std::optional<std::uint64_t> instruction_pointer(const dump::ProcessorRecord& processor) const {
    const base::Bytes context{std::span<const std::byte>(processor.context)};
    if (dump_.architecture == Architecture::x86) {
      const auto eip = context.get<std::uint32_t>(0xb8);
      return eip ? std::optional<std::uint64_t>(*eip) : std::nullopt;
    }
    return context.get<std::uint64_t>(dump_.architecture == Architecture::x64 ? 0xf8 : 0x108);
  }

  const dump::Dump& dump_;
  const base::ByteSource& memory_;
  std::optional<KernelFound> found_;
  int ways_left_ = 16;  // down from an address; each may look at thousands of pages
};

struct Range {
  std::uint64_t first, last;
};

// Where the loader puts nt first, then the rest of the kernel's half; not where x86's page tables
// themselves are mapped.
std::vector<Range> ranges_of(Paging paging) {
  switch (paging) {
    case Paging::x86:
      return {{0x80000000, 0xbfffffff}, {0xc0400000, 0xffffffff}};
    case Paging::x86_pae:
      return {{0x80000000, 0xbfffffff}, {0xc0800000, 0xffffffff}};
    case Paging::x64:
    case Paging::arm64:
      return {{0xfffff800'00000000, 0xfffff87f'ffffffff},
              {0xffff8000'00000000, 0xfffff7ff'ffffffff},
              {0xfffff880'00000000, UINT64_MAX}};
    case Paging::x64_la57:
      return {{0xfffff800'00000000, 0xfffff87f'ffffffff},
              {0xff000000'00000000, 0xfffff7ff'ffffffff},
              {0xfffff880'00000000, UINT64_MAX}};
  }
  return {};
}

// The top table's entry that leads back to it shows tables, not images: its range is left out.
bool is_self_map(const dump::Dump& dump, const memory::PageTables& tables, std::uint64_t address) {
  if (tables.paging() == Paging::x86 || tables.paging() == Paging::x86_pae) return false;
  const unsigned shift = tables.paging() == Paging::x64_la57 ? 48 : 39;
  const auto entry =
      dump.physical->get<std::uint64_t>(tables.root() + (address >> shift & 511) * 8);
  return entry && (*entry & 0x0000'ffff'ffff'f000) == tables.root();
}

}  // namespace

std::optional<KernelFound> find_kernel_by_processors(const dump::Dump& dump,
                                                     const base::ByteSource& memory) {
  return ProcessorSearch(dump, memory).search();
}

std::optional<KernelFound> find_kernel_by_search(const dump::Dump& dump,
                                                 const memory::PageTables& tables) {
  // As many pages as are there, each mapped a few times over; what hostile tables map without end
  // is not followed to it.
  std::uint64_t steps = std::min(kMostPages, dump.physical_bytes / kPage * 4 + 0x10000);
  const unsigned top = tables.paging() == Paging::x64_la57 ? 48 : 39;
  for (const Range& range : ranges_of(tables.paging())) {
    std::uint64_t at = range.first;
    while (const auto mapped = tables.next_mapped(at, range.last, steps)) {
      at = mapped->address;
      const bool is_tables = is_self_map(dump, tables, at);
      const std::uint64_t end =
          is_tables ? ((at >> top) + 1) << top : std::min(at + mapped->bytes, range.last);
      for (; !is_tables && at < end && steps != 0; at += kPage, --steps) {
        const auto magic =
            dump.physical->get<std::uint16_t>(mapped->physical + (at - mapped->address));
        if (magic != 0x5a4d) continue;
        if (auto image = kernel_image_at(tables, at, dump.architecture, true))
          return KernelFound{std::move(*image), "a search of the kernel's address space", 0};
      }
      if (end <= mapped->address || end >= range.last) break;
      at = end;
    }
  }
  return std::nullopt;
}

}  // namespace ntstack::target
