// Where the fields of the kernel's structures are in this dump: from KDBG first, else from the
// types of nt's PDB, else from tables by build (public PDB types). What none gives stays unknown;
// each offset says where it is from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/architecture.h"
#include "pdb/pdb.h"
#include "target/kdbg.h"

namespace ntstack::target {

enum class Field : std::uint8_t {
  // _KTHREAD
  kthread_initial_stack,
  kthread_stack_limit,
  kthread_stack_base,
  kthread_kernel_stack,
  kthread_trap_frame,
  kthread_apc_state,
  kthread_apc_process,
  kthread_state,
  kthread_wait_reason,
  kthread_wait_block_list,
  kthread_wait_time,
  kthread_teb,
  kthread_next_processor,
  kthread_process,
  kthread_thread_list_entry,
  // _ETHREAD
  ethread_create_time,
  ethread_start_address,
  ethread_cid,
  ethread_win32_start_address,
  ethread_thread_list_entry,
  ethread_thread_name,
  ethread_size,
  // _EPROCESS (its _KPROCESS first)
  eprocess_unique_process_id,
  eprocess_active_process_links,
  eprocess_parent_id,
  eprocess_peb,
  eprocess_image_file_name,
  eprocess_thread_list_head,
  eprocess_size,
  kprocess_directory_table_base,
  kprocess_thread_list_head,
  // _KPRCB
  kprcb_current_thread,
  kprcb_idle_thread,
  kprcb_number,
  kprcb_rsp_base,
  kprcb_processor_state,
  kprcb_dpc_stack,
  kprcb_isr_stack,
  kprcb_dpc_routine_active,
  kprcb_context,
  kprcb_size,
  // _KPCR
  kpcr_prcb,
  count
};

// probed: told by the kernel's own objects (probe.h).
enum class OffsetSource : std::uint8_t { unknown, kdbg, types, table, nearest_table, probed };
std::string_view name_of(
    OffsetSource source);  // "kdbg", "types", "table", "nearest_table", "probed", "unknown"

class Offsets {
 public:
  // `kdbg` and `types` (nt's PDB) may be null. A build between two tables takes the one before it,
  // and says so (nearest_table): code that uses such an offset checks what it sees.
  static Offsets of(base::Architecture architecture, std::uint32_t build, const Kdbg* kdbg,
                    const pdb::Pdb* types = nullptr);

  std::optional<std::uint16_t> operator[](Field field) const {
    const Entry& entry = entries_[static_cast<std::size_t>(field)];
    if (entry.source == OffsetSource::unknown) return std::nullopt;
    return entry.value;
  }
  OffsetSource source(Field field) const {
    return entries_[static_cast<std::size_t>(field)].source;
  }

  // What probing found, or (nothing) that what was known can't be.
  void take_probed(Field field, std::optional<std::uint32_t> value);

 private:
  struct Entry {
    std::uint16_t value = 0;
    OffsetSource source = OffsetSource::unknown;
  };
  void take_types(const pdb::Pdb& types);
  void set(Field field, std::optional<std::uint32_t> value, OffsetSource source);
  std::array<Entry, static_cast<std::size_t>(Field::count)> entries_{};
};

}  // namespace ntstack::target
