// Further builds of x64 Windows, as differences from 19041. Offsets of threads and processes from
// the public PDB types. KPRCB: Windows 7's from there too; 22621's from DpcStack on and the whole
// future build are ours, and are to be had from the dump alone (KDBG, and the future one's PDB).
#pragma once

#include "world/layout.h"

namespace ntstack::world {

inline constexpr KernelLayout windows_7_7601 = [] {
  KernelLayout layout = windows_10_19041;
  layout.build = 7601;
  auto& k = layout.kthread;
  k.stack_base = 0x278, k.kernel_stack = 0x38, k.trap_frame = 0x1d8, k.apc_list_head = 0x50;
  k.apc_process = 0x70, k.kernel_apc_pending = 0x79, k.state = 0x164, k.wait_reason = 0x26b;
  k.wait_block_list = 0x98, k.teb = 0xb8, k.next_processor = 0x7c, k.process = 0x210;
  k.thread_list_entry = 0x2f8, k.queue_list_entry = 0x1c8;
  layout.ethread = {0x360, 0x388, 0x3b0, 0x3e8, 0x410, 0x420, 0x498};
  layout.eprocess = {0x28, 0x30, 0x180, 0x188, 0x290, 0x338, 0x2e0, 0x308, 0x328, 0x4d0};
  auto& p = layout.prcb;
  p.processor_state = 0x40, p.dpc_stack = 0x21c0, p.isr_stack = 0, p.context = 0x4bd8;
  p.dpc_routine_active = 0x21da, p.normal_dpc_state = 0, p.size = 0x4d00;
  layout.pcr_size = 0x180 + 0x4d00;
  layout.previous_segment = 0x28;
  return layout;
}();

inline constexpr KernelLayout windows_11_22621 = [] {
  KernelLayout layout = windows_10_19041;
  layout.build = 22621;
  layout.ethread = {0x480, 0x4a0, 0x4c8, 0x500, 0x520, 0x538, 0x900};
  layout.eprocess.size = 0xb80;
  auto& p = layout.prcb;
  p.dpc_stack = 0x3240, p.isr_stack = 0x8c58, p.context = 0x8c40, p.dpc_routine_active = 0x325a;
  p.normal_dpc_state = 0x325c, p.size = 0xc000;
  layout.pcr_size = 0x180 + 0xc000;
  return layout;
}();

// A build that no table knows: everything is elsewhere.
inline constexpr KernelLayout windows_future = [] {
  KernelLayout layout = windows_11_22621;
  layout.build = 31337;
  auto& k = layout.kthread;
  k.initial_stack += 0x18, k.stack_limit += 0x28, k.stack_base += 0x28, k.kernel_stack += 0x30;
  k.trap_frame += 0x40, k.apc_list_head += 0x40, k.apc_process += 0x40,
      k.kernel_apc_pending += 0x40;
  k.wait_block_list += 0x40, k.teb += 0x48, k.state += 0x58, k.next_processor += 0x60;
  k.process += 0x60, k.queue_list_entry += 0x60, k.wait_reason += 0x61, k.thread_list_entry += 0x70;
  layout.ethread = {0x4f0, 0x510, 0x540, 0x580, 0x5a0, 0x5c0, 0x9c0};
  layout.eprocess = {0x30, 0x40, 0x480, 0x490, 0x5a8, 0x5b8, 0x620, 0x660, 0x680, 0xc40};
  auto& p = layout.prcb;
  p.current_thread = 0x10, p.idle_thread = 0x20, p.number = 0x2c, p.rsp_base = 0x30;
  p.processor_state = 0x140, p.dpc_stack = 0x3380, p.isr_stack = 0x8d98, p.context = 0x8d80;
  p.dpc_routine_active = 0x339a, p.normal_dpc_state = 0x339c, p.size = 0xc140;
  layout.pcr = {0x18, 0x20, 0x1c0};
  layout.pcr_size = 0x1c0 + 0xc140;
  return layout;
}();

// A kernel like NT that no table knows, whose KDBG is as long as Server 2003's and says no offset,
// and that has no types: everything is elsewhere but what compiled drivers and the processor rely
// on (KPCR.Prcb, KPRCB.CurrentThread, KPROCESS.DirectoryTableBase).
inline constexpr KernelLayout nt_like_unknown = [] {
  KernelLayout layout = windows_7_7601;
  layout.build = 4242;
  auto& k = layout.kthread;
  k.initial_stack = 0x98, k.stack_limit = 0x60, k.stack_base = 0x1a8, k.kernel_stack = 0x40;
  k.trap_frame = 0x2a0, k.apc_list_head = 0xb0, k.apc_process = 0xd0, k.kernel_apc_pending = 0xd9;
  k.state = 0x1e5, k.wait_reason = 0x2f1, k.wait_block_list = 0x150, k.teb = 0x200;
  k.next_processor = 0x48, k.process = 0x180, k.thread_list_entry = 0x218;
  k.queue_list_entry = 0x248;
  layout.ethread = {0x320, 0x3a8, 0x370, 0x3e8, 0x430, 0x410, 0x4e0};
  layout.eprocess = {0x28, 0x58, 0x1c8, 0x1d0, 0x3a0, 0x250, 0x2b8, 0x348, 0x368, 0x540};
  auto& p = layout.prcb;
  p.number = 0x40, p.rsp_base = 0x70, p.processor_state = 0x100, p.dpc_stack = 0x2608;
  p.context = 0x4c20, p.dpc_routine_active = 0x2622, p.size = 0x5000;
  layout.pcr_size = 0x180 + 0x5000;
  return layout;
}();

}  // namespace ntstack::world
