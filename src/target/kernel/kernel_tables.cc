#include "target/kernel/kernel_tables.h"

#include <fmt/format.h>

#include <optional>
#include <set>
#include <vector>

#include "dump/self_map.h"
#include "dump/start_block.h"
#include "target/kernel/kernel_search.h"
#include "target/kernel/processor_region.h"
#include "target/kernel/shared_user_data.h"

namespace ntstack::target {
namespace {

using base::Architecture;
using memory::PageTables;
using memory::Paging;

constexpr std::uint64_t kCr4La57 = 0x1000;
// Where a KPCR keeps the kernel's CR3 for the way back from a process's shadow tables moves from
// build to build, between these: 7000 (elf2dmp) and 9000 were seen.
constexpr std::uint64_t kShadowBegin = 0x6000, kShadowEnd = 0xd000;
constexpr std::uint64_t kFrame = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kNoCr3 = 0x7ff0'0000'0000'0ff0;  // but a small PCID, and bit 63
// A damaged file lists processors and tables without end.
constexpr int kMostRegions = 4, kMostNtSearches = 8, kMostSelfMaps = 64;

// The way of paging that is likeliest first.
std::vector<Paging> pagings_of(const dump::Dump& dump) {
  switch (dump.architecture) {
    case Architecture::x86:
      return dump.pae ? std::vector{Paging::x86_pae, Paging::x86}
                      : std::vector{Paging::x86, Paging::x86_pae};
    case Architecture::arm64:
      return {Paging::arm64};
    default:
      break;
  }
  for (const dump::ProcessorRecord& processor : dump.processors)
    if ((processor.cr4.value_or(0) & kCr4La57) != 0) return {Paging::x64_la57, Paging::x64};
  return {Paging::x64, Paging::x64_la57};
}

class TablesSearch {
 public:
  explicit TablesSearch(const dump::Dump& dump) : dump_(dump), pagings_(pagings_of(dump)) {}

  TablesFound search() {
    if (try_named() || try_processors() || try_regions() || try_start_block())
      return std::move(best_);
    if (!nt_seen_ && try_self_maps()) return std::move(best_);
    if (best_.root != 0 && !nt_seen_) best_.doubt = doubt();
    return std::move(best_);
  }

 private:
  // True where these are the kernel's without a doubt. Else kept if better than what is known.
  bool try_root(std::uint64_t root, const std::string& found_by) {
    if (root == 0) return false;
    for (const Paging paging : pagings_) {
      const PageTables tables(*dump_.physical, paging, root);
      const std::uint64_t known = dump_.ps_loaded_module_list;
      const bool is_kernels = (known != 0 && tables.translate(known)) ||
                              read_shared_user_data(tables, dump_.architecture);
      const bool has_nt = !is_kernels && !nt_seen_ && nt_searches_++ < kMostNtSearches &&
                          find_kernel_by_processors(dump_, tables);
      if (is_kernels || has_nt || best_.root == 0) best_ = {paging, root, found_by, ""};
      nt_seen_ |= has_nt || is_kernels;
      if (is_kernels) return true;
    }
    return false;
  }

  bool try_named() {
    const bool is_header = dump_.dump_type.has_value();
    return try_root(dump_.directory_table_base,
                    is_header ? "the dump's header" : "the table that maps itself");
  }

  bool try_processors() {
    std::set<std::uint64_t> tried;
    for (const dump::ProcessorRecord& processor : dump_.processors) {
      const std::uint64_t root = processor.cr3.value_or(0);
      if (tried.insert(root).second &&
          try_root(root, fmt::format("CR3 of processor {}", processor.number)))
        return true;
    }
    return false;
  }

  // The KPCR is one of the few things that shadow tables map.
  bool try_regions() {
    if (dump_.architecture != Architecture::x64) return false;
    int left = kMostRegions;
    for (const dump::ProcessorRecord& processor : dump_.processors) {
      if (processor.cr3.value_or(0) == 0) continue;
      if (left-- == 0) break;
      const PageTables shadow(*dump_.physical, pagings_.front(), *processor.cr3);
      const auto region = processor_region_of(shadow, processor, dump_.architecture);
      if (region && try_region(shadow, *region, processor.number)) return true;
    }
    return false;
  }

  bool try_region(const PageTables& shadow, const ProcessorRegion& region, std::uint32_t number) {
    for (std::uint64_t at = kShadowBegin; at < kShadowEnd; at += 8) {
      const auto value = shadow.get<std::uint64_t>(region.address + at);
      if (!value || (*value & kNoCr3) != 0 || (*value & kFrame) == 0) continue;
      const std::uint64_t root = *value & kFrame;
      if (root == shadow.root() || !maps_itself(root)) continue;
      if (try_root(root, fmt::format("the KPCR of processor {}", number))) return true;
    }
    return false;
  }

  // A top table of x64, as Windows makes them.
  bool maps_itself(std::uint64_t root) const {
    for (std::uint64_t i = 256; i < 512; ++i) {
      const auto entry = dump_.physical->get<std::uint64_t>(root + i * 8);
      if (!entry) return false;
      if ((*entry & 1) != 0 && (*entry & kFrame) == root) return true;
    }
    return false;
  }

  bool try_start_block() {
    if (dump_.architecture != Architecture::x64) return false;
    const auto block = dump::find_start_block(*dump_.physical);
    return block && try_root(block->page_tables,
                             fmt::format("the processors' start block at {:#x}", block->address));
  }

  bool try_self_maps() {
    bool is_found = false;
    int left = kMostSelfMaps;
    dump::find_self_map(*dump_.physical, [&](const dump::SelfMap& map) {
      if (map.architecture != dump_.architecture) return false;
      if (map.architecture == Architecture::x86)
        pagings_ = {map.pae ? Paging::x86_pae : Paging::x86};
      is_found = try_root(map.directory_table_base, "a search for a table that maps itself");
      return is_found || nt_seen_ || --left == 0;
    });
    return is_found;
  }

  std::string doubt() const {
    if (dump_.ps_loaded_module_list == 0)
      return fmt::format(
          "the page tables at {:#x} ({}) lead to nothing that shows them to be the kernel's",
          best_.root, best_.found_by);
    const PageTables tables(*dump_.physical, best_.paging, best_.root);
    const auto list = tables.translate(dump_.ps_loaded_module_list);
    return list ? "" : fmt::format("PsLoadedModuleList can't be read: {}", text_of(list.error()));
  }

  const dump::Dump& dump_;
  std::vector<Paging> pagings_;
  TablesFound best_;
  bool nt_seen_ = false;
  int nt_searches_ = 0;
};

}  // namespace

TablesFound find_kernel_tables(const dump::Dump& dump) { return TablesSearch(dump).search(); }

}  // namespace ntstack::target
