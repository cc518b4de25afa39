// Where the fields of the kernel's structures are in this dump: from KDBG first, else from the
// types of nt's PDB or DWARF, else from tables by build (public PDB types). What none gives stays
// unknown; each offset says where it is from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/architecture.h"
#include "dwarf/type_source.h"
#include "target/kernel/kdbg.h"

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
  kthread_priority,
  kthread_base_priority,
  kthread_kernel_time,
  kthread_user_time,
  kthread_context_switches,
  kthread_running,
  kthread_wait_mode,
  kthread_kernel_stack_resident,  // a flag
  kthread_large_stack,            // a flag; up to Windows 7
  // _ETHREAD
  ethread_create_time,
  ethread_start_address,
  ethread_cid,
  ethread_win32_start_address,
  ethread_thread_list_entry,
  ethread_thread_name,
  ethread_size,
  ethread_exit_time,
  ethread_cross_thread_flags,
  ethread_irp_list,
  // _EPROCESS (its _KPROCESS first)
  eprocess_unique_process_id,
  eprocess_active_process_links,
  eprocess_parent_id,
  eprocess_peb,
  eprocess_image_file_name,
  eprocess_thread_list_head,
  eprocess_size,
  eprocess_create_time,
  eprocess_exit_time,
  eprocess_session,
  eprocess_flags,
  eprocess_active_threads,
  eprocess_wow64_process,
  kprocess_directory_table_base,
  kprocess_thread_list_head,
  kprocess_user_directory_table_base,
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
  // _MM_SESSION_SPACE, which EPROCESS.Session points to
  session_id,
  count
};

// probed: told by the kernel's own objects (probe.h).
enum class OffsetSource : std::uint8_t { unknown, kdbg, types, table, nearest_table, probed };
std::string_view name_of(
    OffsetSource source);  // "kdbg", "types", "table", "nearest_table", "probed", "unknown"

struct FieldName {
  std::string_view structure, member;  // as nt's types name them; a size has no member
};
FieldName name_of(Field field);

class Offsets {
 public:
  // `kdbg` may be null, and `types` (nt's) none. A build between two tables takes the one before
  // it, and says so (nearest_table): code that uses such an offset checks what it sees.
  static Offsets of(base::Architecture architecture, std::uint32_t build, const Kdbg* kdbg,
                    const dwarf::TypeSource& types = {});

  std::optional<std::uint16_t> operator[](Field field) const {
    const Entry& entry = entries_[static_cast<std::size_t>(field)];
    if (entry.source == OffsetSource::unknown) return std::nullopt;
    return entry.value;
  }
  OffsetSource source(Field field) const {
    return entries_[static_cast<std::size_t>(field)].source;
  }
  // A flag: the bit of the byte at the field's offset, 0 to 7; nothing where the byte is the flag.
  std::optional<std::uint8_t> bit(Field field) const {
    const Entry& entry = entries_[static_cast<std::size_t>(field)];
    if (entry.bit == kNoBit) return std::nullopt;
    return entry.bit;
  }

  // Where OffsetSource::types had them: "PDB", "DWARF"; "no".
  std::string_view types_name() const { return types_name_; }

  // What probing found, or (nothing) that what was known can't be.
  void take_probed(Field field, std::optional<std::uint32_t> value);

 private:
  static constexpr std::uint8_t kNoBit = 0xff;
  struct Entry {
    std::uint16_t value = 0;
    OffsetSource source = OffsetSource::unknown;
    std::uint8_t bit = kNoBit;
  };
  void take_types(const dwarf::TypeSource& types);
  void take_tables(base::Architecture architecture, std::uint32_t build);
  void set(Field field, std::optional<std::uint32_t> value, OffsetSource source,
           std::uint8_t bit = kNoBit);
  std::array<Entry, static_cast<std::size_t>(Field::count)> entries_{};
  std::string_view types_name_ = "no";
};

}  // namespace ntstack::target
