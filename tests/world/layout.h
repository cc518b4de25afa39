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
  std::uint32_t stack_control_size;  // what InitialStack is below a first stack's base

  std::uint16_t machine;  // IMAGE_FILE_MACHINE
  struct {
    std::uint16_t self, current_prcb, prcb;  // current_prcb 0: there is none
  } pcr;
  struct {  // what a thread that was switched out leaves at KTHREAD.KernelStack
    std::uint16_t frame_pointer, return_address, size;
  } switch_frame;
  std::uint16_t dpc_stack_frame_size;
  std::uint16_t context_size;
  std::uint16_t context_allocation;  // of a PRCB's own, with room for more state
  std::uint16_t ring0_code_selector;
  std::uint64_t page_tables;

  std::uint8_t pointer_size = 8;
  std::uint16_t previous_segment = 0x10;  // in the KSTACK_CONTROL at InitialStack
  // Where the world puts things; the stacks' size.
  std::uint64_t pool = 0xfffffa800c0e0000, boot_stack_base = 0xfffff88002f67000,
                highest_teb = 0x7fffffde000, user_start_address = 0x7fef8a61f10;
  std::uint32_t kernel_stack_size = 0x6000;
  bool has_pae = false;  // x86: page tables of 64-bit entries
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
    0x250,
    0x8664,
    {0x18, 0x20, 0x180},
    {0x30, 0x38, 0x40},
    0x50,
    0x4d0,
    0x640,
    0x10,
    0xfffff68000000000};

// Windows 11 21H2, ARM64. What the KDDEBUGGER_DATA64 of a real dump says: KTHREAD's NextProcessor,
// Teb, KernelStack, InitialStack, ApcState.Process, State, StackLimit, StackBase, QueueListEntry,
// WaitReason; ETHREAD's IrpList and size; EPROCESS' Peb, DirectoryTableBase and size; all of the
// KPCR and the KPRCB but DpcRoutineActive. Inferred, for no types of it are public here: the rest
// of the KTHREAD, which lies as far from what is known as on x64 (ApcState and what follows it 8
// bytes lower, Process and ThreadListEntry 20h bytes higher); the rest of the ETHREAD, like x64's
// of the build, IrpList being where it is there; the rest of the EPROCESS, 48h bytes lower as Peb
// is; KPRCB.DpcRoutineActive, two bytes before NormalDpcState as on x64. The KSWITCH_FRAME {Fp,
// Return} is as rizin's profiles have it; KSTACK_CONTROL is taken to be x64's.
inline constexpr KernelLayout windows_11_22000_arm64 = {
    22000,
    {0x28, 0x30, 0x38, 0x58, 0x88, 0x90, 0xb0, 0xb9, 0x17c, 0x2a3, 0xc8, 0xe8, 0x238, 0x240, 0x318,
     0x208},
    {0x480, 0x4a0, 0x4c8, 0x500, 0x520, 0x538, 0x910},
    {0x28, 0x30, 0x3f8, 0x400, 0x4f8, 0x508, 0x560, 0x598, 0x5a8, 0xc80},
    {0x8, 0x18, 0x24, 0, 0x40, 0xaf8, 0x18e0, 0x8a0, 0xb1a, 0xb1c, 0x9680, 0x320},
    0xa000,
    0x50,
    0xaa64,
    {0x18, 0, 0x980},
    {0, 8, 0x10},
    0x10,
    0x390,
    0x400,
    0,
    0xfffffd8000000000};

// 32-bit Windows 7 SP1 and Windows 10 2004 to 22H2, from the public PDB types. Ours: the room above
// InitialStack, where Windows keeps the floating-point state, and that the segment before an
// expanded one is recorded right behind it in Windows 7.
inline constexpr KernelLayout windows_7_7601_x86 = {
    7601,
    {0x28, 0x2c, 0x190, 0x30, 0x128, 0x40, 0x50, 0x55, 0x68, 0x187, 0x70, 0x88, 0x58, 0x150, 0x1e0,
     0x120},
    {0x200, 0x218, 0x22c, 0x24c, 0x260, 0x268, 0x2b8},
    {0x18, 0x2c, 0xb4, 0xb8, 0x140, 0x1a8, 0x16c, 0x188, 0x198, 0x2c0},
    {0x4, 0xc, 0x3cc, 0, 0x18, 0x1908, 0, 0x3618, 0x1932, 0, 0x3628, 0},
    0x3748,
    0x230,
    0x14c,
    {0x1c, 0x20, 0x120},
    {0xc, 0x8, 0xc},
    0,
    0x2cc,
    0x300,
    0x8,
    0xc0000000,
    4,
    0x14,
    0x85c00000,
    0x8b467000,
    0x7ffde000,
    0x6fa61f10,
    0x3000};
inline constexpr KernelLayout windows_10_19041_x86 = {
    19041,
    {0x20, 0x24, 0x28, 0x48, 0x6c, 0x70, 0x80, 0x85, 0x90, 0x18b, 0x98, 0xa8, 0x148, 0x150, 0x1d4,
     0x140},
    {0x280, 0x298, 0x2ac, 0x2cc, 0x2dc, 0x2e4, 0x4e0},
    {0x18, 0x2c, 0xe4, 0xe8, 0x170, 0x17c, 0x1ac, 0x1d0, 0x1d8, 0x500},
    {0x4, 0xc, 0x3cc, 0, 0x18, 0x2210, 0x429c, 0x4168, 0x223a, 0, 0x5f00, 0},
    0x6020,
    0x230,
    0x14c,
    {0x1c, 0x20, 0x120},
    {0xc, 0x8, 0xc},
    0,
    0x2cc,
    0x300,
    0x8,
    0xc0000000,
    4,
    0x10,
    0x85c00000,
    0x8b467000,
    0x7ffde000,
    0x6fa61f10,
    0x3000,
    true};

}  // namespace ntstack::world
