#include "world_physical/debugger_data.h"

#include <bit>

#include "world_physical/layouts.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t wait_never = 0x9d3f0c11a8b4e627, wait_always = 0x00f3c1d27a55be90;

// What the block is encoded with: nt's variables, or in a kernel without them any of its own.
std::uint64_t variable_of(const KernelObjects& world, const char* name, std::uint64_t other) {
  const auto& symbols = world.images().front().symbols;
  return symbols.contains(name) ? world.nt(name) : world.nt("KiProcessorBlock") + other;
}

}  // namespace

void put_debugger_data(KernelData& data, const KernelObjects& world) {
  const KernelLayout& layout = data.layout;
  data.kdbg = world.nt("KdDebuggerDataBlock");
  data.kdbg_size = layout.build < 9200 ? 0x340 : 0x380;
  const bool says_offsets = layout.build != nt_like_unknown.build;
  if (!says_offsets) data.kdbg_size = 0x318;  // Server 2003's
  data.loaded_module_list = world.nt("PsLoadedModuleList");
  data.active_process_head = world.nt("PsActiveProcessHead");
  data.wait_never = variable_of(world, "KiWaitNever", 0xe0);
  data.wait_always = variable_of(world, "KiWaitAlways", 0xe8);
  data.encoded_flag = variable_of(world, "KdpDataBlockEncoded", 0xf0);
  // 32-bit kernels have the same fields, with the sign extended.
  const auto extended = [&](std::uint64_t address) {
    const bool is_negative = layout.pointer_size == 4 && (address >> 31 & 1) != 0;
    return is_negative ? address | 0xffffffff00000000 : address;
  };
  const std::uint64_t at = data.kdbg;
  VirtualMemory& memory = data.memory;
  const std::pair<std::uint32_t, std::uint64_t> addresses[] = {
      {0, at},
      {8, at},
      {0x10, 0x4742444b | std::uint64_t{data.kdbg_size} << 32},
      {0x18, world.images().front().base},
      {0x48, data.loaded_module_list},
      {0x50, data.active_process_head},
      {0x60, world.nt("ExpSystemResourcesList")},
      {0x138, 0x1000},
      {0x218, world.nt("KiProcessorBlock")},
      {0x220, world.nt("MmUnloadedDrivers")},
      {0x228, world.nt("MmLastUnloadedDriver")},
      {0x360, layout.page_tables}};
  for (const auto& [field, value] : addresses)
    if (field < data.kdbg_size) memory.put(at + field, extended(value));
  const auto& k = layout.kthread;
  const auto& p = layout.prcb;
  const std::pair<std::uint32_t, std::uint32_t> offsets[] = {
      {0x298, k.next_processor},
      {0x29a, k.teb},
      {0x29c, k.kernel_stack},
      {0x29e, k.initial_stack},
      {0x2a0, k.apc_process},
      {0x2a2, k.state},
      {0x2a8, layout.eprocess.size},
      {0x2aa, layout.eprocess.peb},
      {0x2ac, layout.eprocess.inherited_from},
      {0x2ae, layout.eprocess.directory_table_base},
      {0x2b0, p.size},
      {0x2b2, p.dpc_routine_active},
      {0x2b4, p.current_thread},
      {0x2bc, p.processor_state + p.context_frame_in_processor_state},
      {0x2be, p.number},
      {0x2c0, layout.ethread.size},
      {0x2e0, layout.pcr_size},
      {0x2e2, layout.pcr.self},
      {0x2e4, layout.pcr.current_prcb},
      {0x2e6, layout.pcr.prcb},
      {0x2f2, p.processor_state},
      {0x338, p.context},
      {0x340, k.stack_limit},
      {0x344, k.stack_base},
      {0x348, k.queue_list_entry},
      {0x34c, layout.ethread.irp_list},
      {0x350, p.idle_thread},
      {0x352, p.normal_dpc_state},
      {0x354, p.dpc_stack},
      {0x356, p.isr_stack},
      {0x358, layout.dpc_stack_frame_size},
      {0x35c, k.wait_reason}};
  for (const auto& [field, value] : offsets)
    if (says_offsets && field < data.kdbg_size)
      memory.put(at + field, static_cast<std::uint16_t>(value));
}

void encode_debugger_data(KernelData& data) {
  VirtualMemory& memory = data.memory;
  memory.put(data.wait_never, wait_never);
  memory.put(data.wait_always, wait_always);
  memory.put(data.encoded_flag, std::uint8_t{1});
  for (std::uint32_t at = 0; at < data.kdbg_size; at += 8) {
    const std::uint64_t plain = memory.get(data.kdbg + at);
    const std::uint64_t mixed = __builtin_bswap64(plain ^ wait_always) ^ data.encoded_flag;
    memory.put(data.kdbg + at, std::rotr(mixed, static_cast<int>(wait_never & 0x3f)) ^ wait_never);
  }
}

}  // namespace ntstack::world
