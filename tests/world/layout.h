// Where one build of Windows keeps what the world writes into kernel objects. Offsets in bytes,
// from the public PDB types and from the KDDEBUGGER_DATA64 of a real dump; another build is another
// value.
#pragma once

#include <cstdint>

namespace ntstack::world {

struct KernelLayout {
  std::uint32_t build;

  struct {
    std::uint16_t initial_stack, stack_limit, stack_base, kernel_stack, trap_frame, apc_list_head,
        apc_process, kernel_apc_pending, state, wait_reason, wait_block_list, teb, next_processor,
        process, thread_list_entry, queue_list_entry;
  } kthread;
  struct {
    std::uint16_t create_time, start_address, cid, irp_list, win32_start_address, thread_list_entry;
    std::uint32_t size;
  } ethread;
  struct {
    std::uint16_t directory_table_base, kprocess_thread_list_head, unique_process_id,
        active_process_links, inherited_from, peb, image_file_name, thread_list_head,
        active_threads;
    std::uint32_t size;
  } eprocess;
  struct {
    std::uint16_t current_thread, idle_thread, number, rsp_base, processor_state, dpc_stack,
        isr_stack, context, dpc_routine_active, normal_dpc_state;
    std::uint32_t size;
    std::uint16_t context_frame_in_processor_state;
  } prcb;
  std::uint32_t pcr_size;
  std::uint32_t stack_control_size;
};

// Windows 10 2004 to 22H2, x64.
inline constexpr KernelLayout windows_10_19041 = {
    19041,
    {0x28, 0x30, 0x38, 0x58, 0x90, 0x98, 0xb8, 0xc1, 0x184, 0x283, 0xd0, 0xf0, 0x218, 0x220, 0x2f8,
     0x208},
    {0x430, 0x450, 0x478, 0x4b0, 0x4d0, 0x4e8, 0x898},
    {0x28, 0x30, 0x440, 0x448, 0x540, 0x550, 0x5a8, 0x5e0, 0x5f0, 0xa40},
    {0x8, 0x18, 0x24, 0x28, 0x100, 0x3110, 0x85d8, 0x85c0, 0x312a, 0x312c, 0xaf00, 0xf0},
    0xb080,
    0x30};

}  // namespace ntstack::world
