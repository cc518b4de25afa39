#include "target/offsets/offsets.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "target/offsets/offset_tables.h"

namespace ntstack::target {
namespace {

struct KdbgField {
  Field field;
  std::uint32_t at;
  bool is_u32 = false;
};

constexpr KdbgField kKdbgFields[] = {
    {Field::kthread_teb, kdbg_at::teb},
    {Field::kthread_kernel_stack, kdbg_at::kernel_stack},
    {Field::kthread_initial_stack, kdbg_at::initial_stack},
    {Field::kthread_apc_process, kdbg_at::apc_process},
    {Field::kthread_state, kdbg_at::state},
    {Field::kthread_next_processor, kdbg_at::next_processor},
    {Field::kthread_stack_limit, kdbg_at::stack_limit, true},
    {Field::kthread_stack_base, kdbg_at::stack_base, true},
    {Field::kthread_wait_reason, kdbg_at::wait_reason},
    {Field::ethread_size, kdbg_at::ethread_size},
    {Field::ethread_irp_list, kdbg_at::irp_list, true},
    {Field::eprocess_size, kdbg_at::eprocess_size},
    {Field::eprocess_peb, kdbg_at::peb},
    {Field::eprocess_parent_id, kdbg_at::parent_cid},
    {Field::kprocess_directory_table_base, kdbg_at::directory_table_base},
    {Field::kprcb_size, kdbg_at::prcb_size},
    {Field::kprcb_dpc_routine_active, kdbg_at::prcb_dpc_routine},
    {Field::kprcb_current_thread, kdbg_at::prcb_current_thread},
    {Field::kprcb_processor_state, kdbg_at::prcb_processor_state},
    {Field::kprcb_number, kdbg_at::prcb_number},
    {Field::kprcb_context, kdbg_at::prcb_context},
    {Field::kprcb_idle_thread, kdbg_at::prcb_idle_thread},
    {Field::kprcb_dpc_stack, kdbg_at::prcb_dpc_stack},
    {Field::kprcb_isr_stack, kdbg_at::prcb_isr_stack},
    {Field::kpcr_prcb, kdbg_at::pcr_contained_prcb},
};

struct TypedField {
  Field field;
  std::string_view member;
};
struct TypedStructure {
  std::string_view name;
  Field size;  // Field::count: its size is not asked for
  std::initializer_list<TypedField> fields;
};

// The names that nt's own types have had since XP; where one was renamed, both.
const TypedStructure kTypedStructures[] = {
    {"_KTHREAD",
     Field::count,
     {{Field::kthread_initial_stack, "InitialStack"},
      {Field::kthread_stack_limit, "StackLimit"},
      {Field::kthread_stack_base, "StackBase"},
      {Field::kthread_kernel_stack, "KernelStack"},
      {Field::kthread_trap_frame, "TrapFrame"},
      {Field::kthread_apc_state, "ApcState"},
      {Field::kthread_state, "State"},
      {Field::kthread_wait_reason, "WaitReason"},
      {Field::kthread_wait_block_list, "WaitBlockList"},
      {Field::kthread_wait_time, "WaitTime"},
      {Field::kthread_teb, "Teb"},
      {Field::kthread_next_processor, "NextProcessor"},
      {Field::kthread_process, "Process"},
      {Field::kthread_thread_list_entry, "ThreadListEntry"},
      {Field::kthread_priority, "Priority"},
      {Field::kthread_base_priority, "BasePriority"},
      {Field::kthread_kernel_time, "KernelTime"},
      {Field::kthread_user_time, "UserTime"},
      {Field::kthread_context_switches, "ContextSwitches"},
      {Field::kthread_running, "Running"},
      {Field::kthread_wait_mode, "WaitMode"},
      {Field::kthread_kernel_stack_resident, "KernelStackResident"},
      {Field::kthread_large_stack, "LargeStack"}}},
    {"_ETHREAD",
     Field::ethread_size,
     {{Field::ethread_create_time, "CreateTime"},
      {Field::ethread_start_address, "StartAddress"},
      {Field::ethread_cid, "Cid"},
      {Field::ethread_win32_start_address, "Win32StartAddress"},
      {Field::ethread_thread_list_entry, "ThreadListEntry"},
      {Field::ethread_thread_name, "ThreadName"},
      {Field::ethread_exit_time, "ExitTime"},
      {Field::ethread_cross_thread_flags, "CrossThreadFlags"},
      {Field::ethread_irp_list, "IrpList"}}},
    {"_KPROCESS",
     Field::count,
     {{Field::kprocess_directory_table_base, "DirectoryTableBase"},
      {Field::kprocess_thread_list_head, "ThreadListHead"},
      {Field::kprocess_user_directory_table_base, "UserDirectoryTableBase"}}},
    {"_EPROCESS",
     Field::eprocess_size,
     {{Field::eprocess_unique_process_id, "UniqueProcessId"},
      {Field::eprocess_active_process_links, "ActiveProcessLinks"},
      {Field::eprocess_parent_id, "InheritedFromUniqueProcessId"},
      {Field::eprocess_peb, "Peb"},
      {Field::eprocess_image_file_name, "ImageFileName"},
      {Field::eprocess_thread_list_head, "ThreadListHead"},
      {Field::eprocess_create_time, "CreateTime"},
      {Field::eprocess_exit_time, "ExitTime"},
      {Field::eprocess_session, "Session"},
      {Field::eprocess_flags, "Flags"},
      {Field::eprocess_active_threads, "ActiveThreads"},
      {Field::eprocess_wow64_process, "WoW64Process"},
      {Field::eprocess_wow64_process, "Wow64Process"}}},
    {"_KPRCB",
     Field::kprcb_size,
     {{Field::kprcb_current_thread, "CurrentThread"},
      {Field::kprcb_idle_thread, "IdleThread"},
      {Field::kprcb_number, "Number"},
      {Field::kprcb_rsp_base, "RspBase"},
      {Field::kprcb_processor_state, "ProcessorState"},
      {Field::kprcb_dpc_stack, "DpcStack"},
      {Field::kprcb_isr_stack, "IsrStack"},
      {Field::kprcb_dpc_routine_active, "DpcRoutineActive"},
      {Field::kprcb_context, "Context"}}},
    // On x86 Prcb is a pointer, and PrcbData the structure.
    {"_KPCR", Field::count, {{Field::kpcr_prcb, "PrcbData"}, {Field::kpcr_prcb, "Prcb"}}},
    {"_MM_SESSION_SPACE", Field::count, {{Field::session_id, "SessionId"}}},
};

bool is_flag(Field field) {
  return field == Field::kthread_kernel_stack_resident || field == Field::kthread_large_stack;
}

// The row for a build: the one that spans it, else the last before it.
std::pair<const OffsetRow*, OffsetSource> row_for(const OffsetTable& table, std::uint32_t build) {
  const OffsetRow* before = nullptr;
  for (const OffsetRow& row : table.rows) {
    if (build >= row.first_build && build <= row.last_build) return {&row, OffsetSource::table};
    if (build > row.last_build) before = &row;
  }
  return {before, OffsetSource::nearest_table};
}

}  // namespace

std::string_view name_of(OffsetSource source) {
  switch (source) {
    case OffsetSource::kdbg:
      return "kdbg";
    case OffsetSource::types:
      return "types";
    case OffsetSource::table:
      return "table";
    case OffsetSource::nearest_table:
      return "nearest_table";
    case OffsetSource::probed:
      return "probed";
    case OffsetSource::unknown:
      break;
  }
  return "unknown";
}

FieldName name_of(Field field) {
  for (const TypedStructure& structure : kTypedStructures) {
    if (structure.size == field && field != Field::count) return {structure.name, ""};
    const auto found = std::ranges::find(structure.fields, field, &TypedField::field);
    if (found != structure.fields.end()) return {structure.name, found->member};
  }
  if (field == Field::kthread_apc_process) return {"_KTHREAD", "ApcState.Process"};
  return {};
}

void Offsets::set(Field field, std::optional<std::uint32_t> value, OffsetSource source,
                  std::uint8_t bit) {
  Entry& entry = entries_[static_cast<std::size_t>(field)];
  if (!value || *value >= kNone || entry.source != OffsetSource::unknown) return;
  entry = {static_cast<std::uint16_t>(*value), source, bit};
}

void Offsets::take_probed(Field field, std::optional<std::uint32_t> value) {
  Entry& entry = entries_[static_cast<std::size_t>(field)];
  entry = {};
  set(field, value, OffsetSource::probed);
}

void Offsets::take_types(const dwarf::TypeSource& types) {
  types_name_ = types.name();
  for (const TypedStructure& wanted : kTypedStructures) {
    const auto structure = types.structure(wanted.name);
    if (!structure || structure->size == 0) continue;
    if (wanted.size != Field::count)
      set(wanted.size, static_cast<std::uint32_t>(std::min<std::uint64_t>(structure->size, kNone)),
          OffsetSource::types);
    for (const TypedField& field : wanted.fields) {
      const auto found = std::ranges::find(structure->fields, field.member, &pdb::Field::name);
      if (found == structure->fields.end()) continue;
      const bool is_bit = found->bit_length != 0;
      if (is_bit && !is_flag(field.field)) continue;
      const std::uint64_t offset = found->offset + (is_bit ? found->bit_position / 8 : 0);
      set(field.field, static_cast<std::uint32_t>(std::min<std::uint64_t>(offset, kNone)),
          OffsetSource::types,
          is_bit ? static_cast<std::uint8_t>(found->bit_position % 8) : kNoBit);
    }
  }
}

void Offsets::take_tables(base::Architecture architecture, std::uint32_t build) {
  for (const auto tables : {offset_tables(architecture), fact_tables(architecture)}) {
    for (const OffsetTable& table : tables) {
      const auto [row, source] = row_for(table, build);
      if (!row) continue;
      for (std::size_t i = 0; i < table.fields.size(); ++i) {
        const std::uint16_t value = row->values[i];
        const Field field = table.fields[i];
        const bool is_bit = is_flag(field) && value != kNone && (value & kFlagBit) != 0;
        if (is_bit)
          set(field, value & kFlagByte, source, value >> kFlagBitShift & 7);
        else
          set(field, value, source);
      }
    }
  }
}

Offsets Offsets::of(base::Architecture architecture, std::uint32_t build, const Kdbg* kdbg,
                    const dwarf::TypeSource& types) {
  Offsets offsets;
  if (kdbg) {
    for (const KdbgField& from : kKdbgFields) {
      offsets.set(from.field, from.is_u32 ? kdbg->u32(from.at) : kdbg->u16(from.at),
                  OffsetSource::kdbg);
    }
  }
  if (types) offsets.take_types(types);
  offsets.take_tables(architecture, build);
  // KAPC_STATE {LIST_ENTRY ApcListHead[2]; KPROCESS* Process}: public WDK headers.
  if (const auto apc_state = offsets[Field::kthread_apc_state]) {
    const std::uint32_t lists = base::is_64_bit(architecture) ? 0x20 : 0x10;
    offsets.set(Field::kthread_apc_process, *apc_state + lists,
                offsets.source(Field::kthread_apc_state));
  }
  // KPCR.ContainedPrcb: 0x180 on x64, 0x120 on x86 since Windows XP.
  if (architecture == base::Architecture::x64)
    offsets.set(Field::kpcr_prcb, 0x180, OffsetSource::table);
  if (architecture == base::Architecture::x86)
    offsets.set(Field::kpcr_prcb, 0x120, OffsetSource::table);
  return offsets;
}

}  // namespace ntstack::target
