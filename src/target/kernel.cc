#include "target/kernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "target/kdbg_encoding.h"
#include "target/module_list.h"

namespace ntstack::target {
namespace {

using memory::PageTables;
using memory::Paging;

constexpr std::uint64_t kCr4La57 = 0x1000;
constexpr std::size_t kMostSessionImages = 16, kMostSessionProcesses = 128;  // that are tried
// Where the kernel's half begins; on x86 with /3GB higher.
constexpr std::uint64_t kSystemRange64 = 0xffff800000000000, kSystemRange32 = 0x80000000;

Paging paging_of(const dump::Dump& dump) {
  switch (dump.architecture) {
    case base::Architecture::x86:
      return dump.pae ? Paging::x86_pae : Paging::x86;
    case base::Architecture::arm64:
      return Paging::arm64;
    default:
      break;
  }
  for (const dump::ProcessorRecord& processor : dump.processors)
    if ((processor.cr4.value_or(0) & kCr4La57) != 0) return Paging::x64_la57;
  return Paging::x64;
}

}  // namespace

Kernel::Kernel(const dump::Dump& dump) : dump_(&dump) {
  if (dump.physical) open_page_tables();
  const base::ByteSource* own = dump.memory.get();
  if (!own) own = tables_.get();
  if (!own) own = dump.mapped.get();
  memory_ = std::make_unique<memory::AddressSpace>(own);
  if (dump.kind == dump::Kind::minidump) {
    modules_ = dump.modules;
    unloaded_ = dump.unloaded_modules;
    return;
  }
  read_kdbg_block();
  read_modules();
}

// The root that the header names serves where what it leads to is there; on x64, five levels are
// tried where four lead nowhere.
void Kernel::open_page_tables() {
  std::uint64_t root = dump_->directory_table_base;
  for (const dump::ProcessorRecord& processor : dump_->processors)
    if (root == 0) root = processor.cr3.value_or(0);
  if (root == 0) {
    warnings_.push_back("the dump does not name the kernel's page tables");
    return;
  }
  const Paging paging = paging_of(*dump_);
  tables_ = std::make_unique<PageTables>(*dump_->physical, paging, root);
  const std::uint64_t known = dump_->ps_loaded_module_list;
  if (known == 0 || tables_->translate(known)) return;
  if (paging == Paging::x64) {
    auto five = std::make_unique<PageTables>(*dump_->physical, Paging::x64_la57, root);
    if (five->translate(known)) {
      tables_ = std::move(five);
      return;
    }
  }
  warnings_.push_back(fmt::format("PsLoadedModuleList can't be read: {}",
                                  text_of(tables_->translate(known).error())));
}

std::unique_ptr<PageTables> Kernel::address_space(std::uint64_t directory_table_base) const {
  if (!tables_ || directory_table_base == 0) return nullptr;
  return std::make_unique<PageTables>(*dump_->physical, tables_->paging(), directory_table_base);
}

void Kernel::find_session_space(std::span<const std::uint64_t> directory_table_bases) {
  if (!tables_) return;
  std::vector<dump::ModuleRecord*> absent;
  for (dump::ModuleRecord& module : modules_) {
    const auto there = tables_->translate(module.base);
    if (!there && there.error() == memory::Fault::not_mapped && absent.size() < kMostSessionImages)
      absent.push_back(&module);
  }
  if (absent.empty()) return;
  for (const std::uint64_t root :
       directory_table_bases.first(std::min(directory_table_bases.size(), kMostSessionProcesses))) {
    auto space = address_space(root);
    if (!space) continue;
    bool maps_any = false;
    for (dump::ModuleRecord* module : absent)
      maps_any |= module->in_session_space = space->translate(module->base).has_value();
    if (!maps_any) continue;
    memory_->put_behind(std::move(space), is_64_bit() ? kSystemRange64 : kSystemRange32);
    return;
  }
}

void Kernel::read_kdbg_block() {
  base::Bytes block = dump_->kdbg;
  const std::uint64_t address = dump_->kd_debugger_data_block;
  if (block.empty() && address != 0) {
    if (auto plain = read_kdbg(*memory_, address, nullptr)) {
      kdbg_bytes_ = std::move(*plain);
    } else {
      const auto first = read_loaded_modules(*memory_, dump_->ps_loaded_module_list, is_64_bit());
      if (!first.modules.empty()) base_ = first.modules.front().base;
      if (auto decoded = read_kdbg_without_key(*memory_, address, base_)) {
        kdbg_bytes_ = std::move(*decoded);
        kdbg_was_encoded_ = true;
      }
    }
    block = base::Bytes(std::span<const std::byte>(kdbg_bytes_));
  }
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
  loaded_module_list_ = dump_->ps_loaded_module_list;
  active_process_head_ = dump_->ps_active_process_head;
  std::optional<std::uint64_t> unloaded_array;
  if (kdbg_) {
    base_ = kdbg_->kernel_base(is_64_bit()).value_or(base_);
    if (loaded_module_list_ == 0)
      loaded_module_list_ = kdbg_->loaded_module_list(is_64_bit()).value_or(0);
    if (active_process_head_ == 0)
      active_process_head_ = kdbg_->active_process_head(is_64_bit()).value_or(0);
    unloaded_array = kdbg_->unloaded_drivers(is_64_bit());
  }
  modules_ = dump_->modules;
  unloaded_ = dump_->unloaded_modules;
  if (dump_->memory || loaded_module_list_ == 0) return;  // the container lists them itself
  ModuleList list = read_loaded_modules(*memory_, loaded_module_list_, is_64_bit());
  if (!list.broken.empty())
    warnings_.push_back(fmt::format("PsLoadedModuleList is broken: {}", list.broken));
  modules_ = std::move(list.modules);
  if (base_ == 0 && !modules_.empty()) base_ = modules_.front().base;
  if (unloaded_array) unloaded_ = read_unloaded_modules(*memory_, *unloaded_array, is_64_bit());
}

}  // namespace ntstack::target
