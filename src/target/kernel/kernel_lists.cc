#include "target/kernel/kernel_lists.h"

#include <algorithm>

#include "target/kernel/processor_region.h"

namespace ntstack::target {
namespace {

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kCurrentPrcb = 0x20;     // in a KPCR
constexpr std::uint32_t kMostProcessors = 2048;  // Windows' own limit (KiProcessorBlock)

std::uint64_t word_of(bool is_64_bit) { return is_64_bit ? 8 : 4; }

std::uint64_t word_at(base::Bytes bytes, std::size_t at, bool is_64_bit) {
  return is_64_bit ? bytes.get_or<std::uint64_t>(at, 0) : bytes.get_or<std::uint32_t>(at, 0);
}

bool is_kernel_address(std::uint64_t address, bool is_64_bit) {
  return is_64_bit ? address >> 47 == 0x1ffff : address >= 0x80000000;
}

// A KPRCB is the last part of its KPCR (public PDB types), which names it.
bool is_prcb(const base::ByteSource& memory, std::uint64_t address,
             base::Architecture architecture) {
  const std::uint64_t in_region = architecture == base::Architecture::x86 ? 0x120 : 0x180;
  const auto region = processor_region_at(memory, address - in_region, architecture);
  return region && region->prcb == address;
}

// KLDR_DATA_TABLE_ENTRY: its links, and where the image is.
bool is_module_list(const base::ByteSource& memory, std::uint64_t head, const KernelImage& nt,
                    bool is_64_bit) {
  const std::uint64_t word = word_of(is_64_bit);
  const auto first = memory.pointer(head, is_64_bit);
  if (!first || *first == head || !is_kernel_address(*first, is_64_bit)) return false;
  return memory.pointer(*first + word, is_64_bit) == head &&
         memory.pointer(*first + (is_64_bit ? 0x30 : 0x18), is_64_bit) == nt.base;
}

}  // namespace

std::optional<std::uint64_t> find_loaded_module_list(const base::ByteSource& memory,
                                                     const KernelImage& nt,
                                                     const KernelExports& exports, bool is_64_bit) {
  if (const auto exported = exports.address_of("PsLoadedModuleList");
      exported && is_module_list(memory, *exported, nt, is_64_bit))
    return exported;
  const std::uint64_t word = word_of(is_64_bit);
  std::optional<std::uint64_t> found;
  for_each_data(memory, nt, [&](std::uint64_t address, base::Bytes bytes, std::size_t scan) {
    for (std::size_t at = 0; at < scan; at += word) {
      const std::uint64_t first = word_at(bytes, at, is_64_bit);
      const std::uint64_t last = word_at(bytes, at + word, is_64_bit);
      if (!is_kernel_address(first, is_64_bit) || !is_kernel_address(last, is_64_bit)) continue;
      if (first % word != 0 || last % word != 0 || nt.contains(first)) continue;
      if (!is_module_list(memory, address + at, nt, is_64_bit)) continue;
      found = address + at;
      return true;
    }
    return false;
  });
  return found;
}

std::optional<std::uint64_t> find_active_process_head(const base::ByteSource& memory,
                                                      const KernelImage& nt,
                                                      std::uint64_t system_process,
                                                      std::uint64_t links, bool is_64_bit) {
  const std::uint64_t entry = system_process + links;
  const auto head = memory.pointer(entry + word_of(is_64_bit), is_64_bit);
  if (!head || !nt.contains(*head) || memory.pointer(*head, is_64_bit) != entry)
    return std::nullopt;
  return head;
}

std::optional<std::uint64_t> probe_active_process_head(const base::ByteSource& memory,
                                                       const KernelImage& nt,
                                                       std::uint64_t system_process,
                                                       bool is_64_bit) {
  constexpr std::uint64_t kMostOfProcess = 0x1000, kSystemId = 4;
  const std::uint64_t word = word_of(is_64_bit);
  std::optional<std::uint64_t> only;
  for (std::uint64_t links = word; links < kMostOfProcess; links += word) {
    if (memory.pointer(system_process + links - word, is_64_bit) != kSystemId) continue;
    const auto head = find_active_process_head(memory, nt, system_process, links, is_64_bit);
    if (!head) continue;
    if (only) return std::nullopt;
    only = head;
  }
  return only;
}

std::optional<std::uint64_t> find_processor_block(const base::ByteSource& memory,
                                                  const KernelImage& nt,
                                                  const std::vector<std::uint64_t>& prcbs,
                                                  base::Architecture architecture) {
  if (prcbs.empty() || prcbs.front() == 0) return std::nullopt;
  const bool is_64_bit = base::is_64_bit(architecture);
  const std::uint64_t word = word_of(is_64_bit);
  // One known processor alone is in other variables too, its KPCR first of all.
  const auto fits = [&](std::uint64_t address) {
    for (std::size_t i = 1; i < prcbs.size(); ++i)
      if (memory.pointer(address + i * word, is_64_bit) != prcbs[i]) return false;
    const auto next = memory.pointer(address + prcbs.size() * word, is_64_bit);
    return next && (*next == 0 || is_prcb(memory, *next, architecture)) &&
           !processor_region_at(memory, address - kCurrentPrcb, architecture);
  };
  std::optional<std::uint64_t> found;
  for_each_data(memory, nt, [&](std::uint64_t address, base::Bytes bytes, std::size_t scan) {
    for (std::size_t at = 0; at < scan; at += word) {
      if (word_at(bytes, at, is_64_bit) != prcbs.front() || !fits(address + at)) continue;
      found = address + at;
      return true;
    }
    return false;
  });
  return found;
}

std::optional<std::uint64_t> find_first_prcb(const base::ByteSource& memory, const KernelImage& nt,
                                             base::Architecture architecture) {
  if (architecture == base::Architecture::x86) {
    const auto fixed = processor_region_at(memory, kFixedProcessorRegion, architecture);
    if (fixed && fixed->prcb != 0) return fixed->prcb;
  }
  std::optional<std::uint64_t> found;
  for_each_data(memory, nt, [&](std::uint64_t address, base::Bytes, std::size_t scan) {
    for (std::size_t at = 0; at < scan; at += kPage) {
      const auto region = processor_region_at(memory, address + at, architecture);
      if (!region || !nt.contains(region->prcb)) continue;
      found = region->prcb;
      return true;
    }
    return false;
  });
  return found;
}

std::uint32_t count_processors(const base::ByteSource& memory, std::uint64_t block,
                               bool is_64_bit) {
  std::uint32_t count = 0;
  for (; count < kMostProcessors; ++count) {
    const auto prcb = memory.pointer(block + count * word_of(is_64_bit), is_64_bit);
    if (!prcb || !is_kernel_address(*prcb, is_64_bit) || !memory.get<std::uint8_t>(*prcb)) break;
  }
  return count;
}

}  // namespace ntstack::target
