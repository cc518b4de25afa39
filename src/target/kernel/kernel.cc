#include "target/kernel/kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "target/kernel/kdbg_encoding.h"
#include "target/kernel/kdbg_search.h"
#include "target/kernel/kernel_data.h"
#include "target/kernel/kernel_lists.h"
#include "target/kernel/kernel_search.h"
#include "target/kernel/kernel_tables.h"
#include "target/kernel/processor_region.h"
#include "target/kernel/windows_build.h"
#include "target/module_list.h"

namespace ntstack::target {
namespace {

using memory::PageTables;

constexpr std::string_view kByHeader = "the dump's header";
constexpr std::uint32_t kNtBuildLab = 0x208;  // in KDBG

// A list head whose first entry points back to it.
bool is_list_head(const base::ByteSource& memory, std::uint64_t head, bool is_64_bit) {
  const auto first = memory.pointer(head, is_64_bit);
  return first && memory.pointer(*first + (is_64_bit ? 8 : 4), is_64_bit) == head;
}

}  // namespace

Kernel::Kernel(const dump::Dump& dump) : dump_(&dump) {
  if (dump.physical) open_page_tables();
  const base::ByteSource* own = dump.memory.get();
  if (!own) own = tables_.get();
  if (!own) own = dump.mapped.get();
  memory_ = std::make_unique<memory::AddressSpace>(own);
  build_ = dump.build;
  processor_count_ = dump.processor_count;
  if (build_ != 0) build_found_by_ = kByHeader;
  if (dump.kind == dump::Kind::minidump) {
    modules_ = dump.modules;
    unloaded_ = dump.unloaded_modules;
    return;
  }
  if (dump.kernel_stacks) {  // of nt's memory it has nothing, and its list of images begins with nt
    modules_ = dump.modules;
    if (!modules_.empty()) {
      base_ = modules_.front().base;
      base_found_by_ = "the list of modules";
    }
    return;
  }
  read_kdbg_block();
  read_modules();
  if (!own) return;
  find_processors();
  if (build_ == 0) identify();
}

void Kernel::open_page_tables() {
  TablesFound found = find_kernel_tables(*dump_);
  if (found.root == 0) {
    warnings_.push_back("the dump does not name the kernel's page tables, and its memory has none");
    return;
  }
  tables_ = std::make_unique<PageTables>(*dump_->physical, found.paging, found.root);
  tables_found_by_ = std::move(found.found_by);
  if (!found.doubt.empty()) warnings_.push_back(std::move(found.doubt));
}

std::unique_ptr<PageTables> Kernel::address_space(std::uint64_t directory_table_base) const {
  if (!tables_ || directory_table_base == 0) return nullptr;
  return std::make_unique<PageTables>(*dump_->physical, tables_->paging(), directory_table_base);
}

// Where the header or KDBG name it already, nothing is searched.
void Kernel::find_nt() {
  if (nt_ || nt_was_searched_ || dump_->memory) return;
  nt_was_searched_ = true;
  nt_ = image();
  if (nt_) return;
  auto found = find_kernel_by_processors(*dump_, *memory_);
  if (!found && tables_) found = find_kernel_by_search(*dump_, *tables_);
  if (!found) {
    warnings_.push_back("nt was not found in memory: of what it lists, nothing is known");
    return;
  }
  nt_ = std::move(found->image);
  base_ = nt_->base;
  version_block_ = found->version_block;
  base_found_by_ = std::move(found->found_by);
  warnings_.push_back(fmt::format("nt was found at {:#x} by {}", base_, base_found_by_));
}

std::optional<KernelImage> Kernel::image() const {
  if (nt_) return nt_;
  if (base_ == 0) return std::nullopt;
  return kernel_image_at(*memory_, base_, dump_->architecture, false);
}

base::Bytes Kernel::kdbg_of_header() {
  const std::uint64_t address = dump_->kd_debugger_data_block;
  if (!dump_->kdbg.empty()) {
    kdbg_found_by_ = kByHeader;
    kdbg_address_ = address;
    return dump_->kdbg;
  }
  if (address != 0) {
    if (auto plain = read_kdbg(*memory_, address, nullptr)) kdbg_bytes_ = std::move(*plain);
  }
  if (kdbg_bytes_.empty()) {
    const auto first = read_loaded_modules(*memory_, dump_->ps_loaded_module_list, is_64_bit());
    if (!first.modules.empty()) {
      base_ = first.modules.front().base;
      base_found_by_ = "PsLoadedModuleList";
    }
    auto decoded = address != 0 ? read_kdbg_without_key(*memory_, address, base_) : std::nullopt;
    if (!decoded) return {};
    kdbg_bytes_ = std::move(*decoded);
    kdbg_was_encoded_ = true;
  }
  kdbg_found_by_ = kByHeader;
  kdbg_address_ = address;
  return base::Bytes(std::span<const std::byte>(kdbg_bytes_));
}

base::Bytes Kernel::search_kdbg() {
  find_nt();
  if (!nt_) return {};
  auto found = find_kdbg(*memory_, *nt_, version_block_, is_64_bit());
  if (!found) return {};
  kdbg_bytes_ = std::move(found->bytes);
  kdbg_address_ = found->address;
  kdbg_was_encoded_ = found->encoded;
  kdbg_found_by_ = std::move(found->found_by);
  warnings_.push_back(fmt::format("KDBG was found at {:#x} by {}{}", kdbg_address_, kdbg_found_by_,
                                  kdbg_was_encoded_ ? "; it was encoded" : ""));
  return base::Bytes(std::span<const std::byte>(kdbg_bytes_));
}

void Kernel::read_kdbg_block() {
  base::Bytes block = kdbg_of_header();
  if (block.empty()) block = search_kdbg();
  if (block.empty()) {
    warnings_.push_back("the dump has no KDBG block: offsets are taken from the tables by build");
    return;
  }
  auto kdbg = Kdbg::parse(block);
  if (kdbg)
    kdbg_ = *kdbg;
  else
    warnings_.push_back(kdbg.error().text() + ": offsets are taken from the tables by build");
}

void Kernel::read_modules() {
  std::optional<std::uint64_t> unloaded_array;
  if (kdbg_) {
    if (const auto base = kdbg_->kernel_base(is_64_bit()); base && *base != base_) {
      base_ = *base;
      base_found_by_ = "KDBG";
    }
    unloaded_array = kdbg_->unloaded_drivers(is_64_bit());
  }
  modules_ = dump_->modules;
  unloaded_ = dump_->unloaded_modules;
  choose_process_list();
  if (dump_->memory) {  // the container lists them itself
    loaded_module_list_ = dump_->ps_loaded_module_list;
    if (loaded_module_list_ == 0 && kdbg_)
      loaded_module_list_ = kdbg_->loaded_module_list(is_64_bit()).value_or(0);
    return;
  }
  take_module_list();
  if (base_ == 0 && !modules_.empty()) {
    base_ = modules_.front().base;
    base_found_by_ = "PsLoadedModuleList";
  }
  if (unloaded_array) unloaded_ = read_unloaded_modules(*memory_, *unloaded_array, is_64_bit());
}

// The header's list, KDBG's, or the one that is found: the first that lists anything.
void Kernel::take_module_list() {
  ModuleList list;
  const auto lists_any = [&](std::uint64_t head) {
    if (head == 0) return false;
    ModuleList found = read_loaded_modules(*memory_, head, is_64_bit());
    const bool is_better = !found.modules.empty();
    if (is_better || loaded_module_list_ == 0) {
      loaded_module_list_ = head;
      list = std::move(found);
    }
    return is_better;
  };
  if (!lists_any(dump_->ps_loaded_module_list) &&
      !lists_any(kdbg_ ? kdbg_->loaded_module_list(is_64_bit()).value_or(0) : 0)) {
    find_nt();
    const KernelExports exports = nt_ ? KernelExports(*memory_, *nt_) : KernelExports();
    const auto found =
        nt_ ? find_loaded_module_list(*memory_, *nt_, exports, is_64_bit()) : std::nullopt;
    if (found && lists_any(*found))
      warnings_.push_back(
          fmt::format("PsLoadedModuleList was found at {:#x} in nt's data", *found));
  }
  if (!list.broken.empty())
    warnings_.push_back(fmt::format("PsLoadedModuleList is broken: {}", list.broken));
  modules_ = std::move(list.modules);
  if (!modules_.empty() || !nt_) return;
  dump::ModuleRecord nt;
  nt.path = nt_->name.empty() ? "nt" : nt_->name;
  nt.base = nt_->base;
  nt.size = nt_->size;
  modules_.push_back(std::move(nt));
}

void Kernel::choose_process_list() {
  const std::uint64_t header = dump_->ps_active_process_head;
  const std::uint64_t kdbg = kdbg_ ? kdbg_->active_process_head(is_64_bit()).value_or(0) : 0;
  const bool is_header = header != 0 && (is_list_head(*memory_, header, is_64_bit()) ||
                                         !is_list_head(*memory_, kdbg, is_64_bit()));
  active_process_head_ = is_header ? header : kdbg;
}

// KiProcessorBlock, and how many it lists; where KDBG does not name it, by the KPCRs.
void Kernel::find_processors() {
  if (kdbg_) processor_block_ = kdbg_->processor_block(is_64_bit());
  if (!processor_block_) search_processors();
  if (processor_count_ != 0) return;
  processor_count_ = processor_block_ ? count_processors(*memory_, *processor_block_, is_64_bit())
                                      : static_cast<std::uint32_t>(prcbs_.size());
}

void Kernel::search_processors() {
  if (dump_->memory) return;
  for (const dump::ProcessorRecord& processor : dump_->processors) {
    const auto region = processor_region_of(*memory_, processor, dump_->architecture);
    if (!region || region->prcb == 0 || processor.number != prcbs_.size()) break;
    prcbs_.push_back(region->prcb);
  }
  find_nt();
  if (!nt_) return;
  if (prcbs_.empty()) {
    if (const auto first = find_first_prcb(*memory_, *nt_, dump_->architecture))
      prcbs_.push_back(*first);
  }
  processor_block_ = find_processor_block(*memory_, *nt_, prcbs_, dump_->architecture);
}

std::uint64_t Kernel::prcb_of(std::uint32_t number) const {
  if (!processor_block_) return number < prcbs_.size() ? prcbs_[number] : 0;
  const std::uint64_t word = is_64_bit() ? 8 : 4;
  return memory_->pointer(*processor_block_ + number * word, is_64_bit()).value_or(0);
}

void Kernel::identify() {
  find_nt();
  if (!nt_) return;
  const auto lab = kdbg_ ? kdbg_->address_at(kNtBuildLab, is_64_bit()) : std::nullopt;
  auto found = find_build(*memory_, *nt_, KernelExports(*memory_, *nt_), lab.value_or(0),
                          dump_->architecture);
  if (!found) {
    warnings_.push_back("Windows' build is not known: neither a header nor nt says it");
    return;
  }
  build_ = found->build;
  build_found_by_ = std::move(found->found_by);
  warnings_.push_back(fmt::format("Windows' build {} is what {} says", build_, build_found_by_));
}

std::uint64_t Kernel::system_process() const {
  const auto nt = image();
  if (!nt) return 0;
  const auto variable = KernelExports(*memory_, *nt).address_of("PsInitialSystemProcess");
  return variable ? memory_->pointer(*variable, is_64_bit()).value_or(0) : 0;
}

}  // namespace ntstack::target
