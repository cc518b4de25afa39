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
#include "target/kdbg.h"

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
  // Puts session space behind the kernel's memory, and marks the images in it: win32k.sys and others
  // lie where the system process maps nothing. It is that of the first process, by its tables, that
  // maps any of them; the images' code is the same in every session, their data are not.
  void find_session_space(std::span<const std::uint64_t> directory_table_bases);

  const std::optional<Kdbg>& kdbg() const { return kdbg_; }
  bool kdbg_was_encoded() const { return kdbg_was_encoded_; }
  // Where nt is loaded; 0 unknown.
  std::uint64_t base() const { return base_; }
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
  void read_modules();

  const dump::Dump* dump_;
  std::unique_ptr<memory::PageTables> tables_;
  std::unique_ptr<memory::AddressSpace> memory_;  // stays where it is when the kernel moves
  std::vector<std::byte> kdbg_bytes_;             // decoded, where the dump's own can't serve
  std::optional<Kdbg> kdbg_;
  bool kdbg_was_encoded_ = false;
  std::uint64_t base_ = 0, loaded_module_list_ = 0, active_process_head_ = 0;
  std::vector<dump::ModuleRecord> modules_;
  std::vector<dump::UnloadedModuleRecord> unloaded_;
  std::vector<std::string> warnings_;
};

}  // namespace ntstack::target
