// The dumped kernel, as far as it is known before any symbol is: its memory, its own account of
// itself (KDBG) and its images. What threads and processes are is the machine's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dump/dump.h"
#include "memory/address_space.h"
#include "memory/page_tables.h"
#include "target/kernel/kdbg.h"
#include "target/kernel/kernel_image.h"

namespace ntstack::target {

class Kernel {
 public:
  // `dump` outlives the kernel. Never fails: what could not be found is in warnings().
  explicit Kernel(const dump::Dump& dump);
  Kernel(Kernel&&) noexcept = default;

  const dump::Dump& dump() const { return *dump_; }
  bool is_64_bit() const { return base::is_64_bit(dump_->architecture); }
  // Virtual memory of the kernel: the container's own, or physical memory through the system
  // process's page tables.
  const memory::AddressSpace& memory() const { return *memory_; }
  memory::AddressSpace& memory() { return *memory_; }
  // The address space of a process, its user half included; null where the dump has no physical
  // memory or the tables can't be.
  std::unique_ptr<memory::PageTables> address_space(std::uint64_t directory_table_base) const;
  const memory::PageTables* page_tables() const { return tables_.get(); }
  // Puts session space behind the kernel's memory, and marks the images in it: win32k.sys and
  // others lie where the system process maps nothing. It is that of the first process, by its
  // tables, that maps any of them; the code is the same in every session, the data are not.
  void find_session_space(std::span<const std::uint64_t> directory_table_bases);

  const std::optional<Kdbg>& kdbg() const { return kdbg_; }
  bool kdbg_was_encoded() const { return kdbg_was_encoded_; }
  std::uint64_t kdbg_address() const { return kdbg_address_; }  // 0 unknown
  // Where nt is loaded; 0 unknown.
  std::uint64_t base() const { return base_; }
  // nt's image in memory, where its headers are there.
  std::optional<KernelImage> image() const;
  // How each was found: "the dump's header", "the interrupt table of processor 0", "a search of
  // nt's data". Empty where it was not.
  const std::string& tables_found_by() const { return tables_found_by_; }
  const std::string& base_found_by() const { return base_found_by_; }
  const std::string& kdbg_found_by() const { return kdbg_found_by_; }
  const std::string& build_found_by() const { return build_found_by_; }

  // Windows' build, the header's or the kernel's own; 0 unknown.
  std::uint32_t build() const { return build_; }
  // The header's, or as many as KiProcessorBlock lists; 0 unknown.
  std::uint32_t processor_count() const { return processor_count_; }
  // KiProcessorBlock: by KDBG, or found by the KPRCBs that are known.
  std::optional<std::uint64_t> processor_block() const { return processor_block_; }
  // Its KPRCB, by KiProcessorBlock or a KPCR; 0 unknown.
  std::uint64_t prcb_of(std::uint32_t number) const;
  // The value of nt's export PsInitialSystemProcess, an EPROCESS; 0 unknown. Reads nt's exports.
  std::uint64_t system_process() const;
  // PsLoadedModuleList and PsActiveProcessHead, from the header or KDBG; 0 unknown.
  std::uint64_t loaded_module_list() const { return loaded_module_list_; }
  std::uint64_t active_process_head() const { return active_process_head_; }

  // What is loaded, nt first: the container's own list, or the kernel's.
  const std::vector<dump::ModuleRecord>& modules() const { return modules_; }
  const std::vector<dump::UnloadedModuleRecord>& unloaded_modules() const { return unloaded_; }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  void open_page_tables();
  void read_kdbg_block();
  base::Bytes kdbg_of_header();
  base::Bytes search_kdbg();
  void find_nt();
  void read_modules();
  void take_module_list();
  void choose_process_list();
  void find_processors();
  void search_processors();
  void identify();

  const dump::Dump* dump_;
  std::unique_ptr<memory::PageTables> tables_;
  std::unique_ptr<memory::AddressSpace> memory_;  // stays where it is when the kernel moves
  std::vector<std::byte> kdbg_bytes_;             // decoded, where the dump's own can't serve
  std::optional<Kdbg> kdbg_;
  bool kdbg_was_encoded_ = false, nt_was_searched_ = false;
  std::optional<KernelImage> nt_;
  std::uint64_t version_block_ = 0, kdbg_address_ = 0;
  std::uint64_t base_ = 0, loaded_module_list_ = 0, active_process_head_ = 0;
  std::uint32_t build_ = 0, processor_count_ = 0;
  std::optional<std::uint64_t> processor_block_;
  std::vector<std::uint64_t> prcbs_;  // by number, where KiProcessorBlock was to be found by them
  std::string tables_found_by_, base_found_by_, kdbg_found_by_, build_found_by_;
  std::vector<dump::ModuleRecord> modules_;
  std::vector<dump::UnloadedModuleRecord> unloaded_;
  std::vector<std::string> warnings_;
};

}  // namespace ntstack::target
