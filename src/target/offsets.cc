#include "target/offsets.h"

#include <utility>

#include "target/offset_tables.h"

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
    case OffsetSource::table:
      return "table";
    case OffsetSource::nearest_table:
      return "nearest_table";
    case OffsetSource::unknown:
      break;
  }
  return "unknown";
}

void Offsets::set(Field field, std::optional<std::uint32_t> value, OffsetSource source) {
  Entry& entry = entries_[static_cast<std::size_t>(field)];
  if (!value || *value >= kNone || entry.source != OffsetSource::unknown) return;
  entry = {static_cast<std::uint16_t>(*value), source};
}

Offsets Offsets::of(base::Architecture architecture, std::uint32_t build, const Kdbg* kdbg) {
  Offsets offsets;
  if (kdbg) {
    for (const KdbgField& from : kKdbgFields) {
      offsets.set(from.field, from.is_u32 ? kdbg->u32(from.at) : kdbg->u16(from.at),
                  OffsetSource::kdbg);
    }
  }
  for (const OffsetTable& table : offset_tables(architecture)) {
    const auto [row, source] = row_for(table, build);
    if (!row) continue;
    for (std::size_t i = 0; i < table.fields.size(); ++i) {
      offsets.set(table.fields[i], row->values[i], source);
    }
  }
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
