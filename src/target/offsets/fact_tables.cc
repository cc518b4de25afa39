// The tables by build, continued: what a thread and a process tell of themselves beside their
// stacks and lists. Offsets from the public PDB types of Windows (Vergilius).
#include "target/offsets/offset_tables.h"

namespace ntstack::target {
namespace {

using enum Field;

// A bit of the 32-bit word at `word`: see OffsetRow.
constexpr std::uint16_t bit(unsigned word, unsigned position) {
  return static_cast<std::uint16_t>(kFlagBit | position % 8 << kFlagBitShift |
                                    (word + position / 8));
}

// _KTHREAD. KernelStackResident was a byte, then a bit of MiscFlags, then one of ThreadFlags.
// LargeStack is gone since Windows 8; where 5.2 had it these types do not tell.
constexpr Field kKthreadFields[] = {
    kthread_priority,  kthread_base_priority,         kthread_kernel_time,
    kthread_user_time, kthread_context_switches,      kthread_running,
    kthread_wait_mode, kthread_kernel_stack_resident, kthread_large_stack};
constexpr OffsetRow kX64KthreadRows[] = {
    {3790, 3790, {0x93, 0x1dd, 0x24c, 0x29c, 0x124, kNone, 0x157, 0x1dc, kNone}},
    {6000, 6002, {0x73, 0x1e1, 0x25c, 0x2ac, 0x124, kNone, 0x157, bit(0x90, 0), 0x1b3}},
    {7600, 7601, {0x7b, 0x1f1, 0x284, 0x2d4, 0x134, 0x49, 0x167, bit(0x4c, 0), 0x2d3}},
    {9200, 9200, {0xc3, 0x233, 0x28c, 0x2dc, 0x154, 0x71, 0x187, bit(0x74, 0), kNone}},
    {9600, 15063, {0xc3, 0x233, 0x28c, 0x2dc, 0x154, 0x71, 0x187, bit(0x78, 16), kNone}},
    {16299, 22631, {0xc3, 0x233, 0x28c, 0x2dc, 0x154, 0x71, 0x187, bit(0x78, 17), kNone}},
};
constexpr OffsetRow kX86KthreadRows[] = {
    {2600, 2600, {0x33, 0x6c, 0x144, 0x148, 0x4c, kNone, 0x59, 0x12a, 0x142}},
    {3790, 3790, {0x5b, 0x121, 0x160, 0x18c, 0x48, kNone, 0x4f, 0x120, kNone}},
    {6000, 6002, {0x4f, 0x131, 0x17c, 0x1a8, 0x58, kNone, 0x5f, bit(0x68, 0), 0x117}},
    {7600, 7601, {0x57, 0x135, 0x198, 0x1c4, 0x64, 0x39, 0x6b, bit(0x3c, 0), 0x1c3}},
    {9200, 9200, {0x87, 0x15b, 0x194, 0x1c0, 0x8c, 0x55, 0x93, bit(0x58, 0), kNone}},
    {9600, 15063, {0x87, 0x15b, 0x194, 0x1c0, 0x8c, 0x55, 0x93, bit(0x5c, 16), kNone}},
    {16299, 19045, {0x87, 0x15b, 0x194, 0x1c0, 0x8c, 0x55, 0x93, bit(0x5c, 17), kNone}},
};

// _ETHREAD
constexpr Field kEthreadFields[] = {ethread_exit_time, ethread_cross_thread_flags,
                                    ethread_irp_list};
constexpr OffsetRow kX64EthreadRows[] = {
    {3790, 3790, {0x310, 0x3fc, 0x398}},   {6000, 6002, {0x338, 0x418, 0x3b8}},
    {7600, 7601, {0x368, 0x448, 0x3e8}},   {9200, 9200, {0x350, 0x42c, 0x3d0}},
    {9600, 9600, {0x5d8, 0x6b4, 0x658}},   {10240, 10586, {0x5e0, 0x6bc, 0x660}},
    {14393, 14393, {0x5e8, 0x6c0, 0x668}}, {15063, 15063, {0x5f0, 0x6c8, 0x670}},
    {16299, 17763, {0x5f8, 0x6d0, 0x670}}, {18362, 18362, {0x608, 0x6e0, 0x680}},
    {19041, 19045, {0x438, 0x510, 0x4b0}}, {22000, 22631, {0x488, 0x560, 0x500}},
};
constexpr OffsetRow kX86EthreadRows[] = {
    {2600, 2600, {0x1c8, 0x248, 0x210}},   {3790, 3790, {0x1c0, 0x240, 0x208}},
    {6000, 6002, {0x1e8, 0x260, 0x22c}},   {7600, 7601, {0x208, 0x280, 0x24c}},
    {9200, 9200, {0x1f0, 0x268, 0x234}},   {9600, 9600, {0x340, 0x3b8, 0x384}},
    {10240, 10586, {0x350, 0x3c8, 0x394}}, {14393, 14393, {0x350, 0x3c4, 0x394}},
    {15063, 17763, {0x358, 0x3cc, 0x39c}}, {18362, 18362, {0x360, 0x3d4, 0x3a4}},
    {19041, 19045, {0x288, 0x2fc, 0x2cc}},
};

// _EPROCESS
constexpr Field kEprocessFields[] = {eprocess_create_time,    eprocess_exit_time,
                                     eprocess_session,        eprocess_flags,
                                     eprocess_active_threads, eprocess_wow64_process};
constexpr OffsetRow kX64EprocessRows[] = {
    {3790, 3790, {0xc0, 0xc8, 0x260, 0x388, 0x2b0, 0x2a8}},
    {6000, 6002, {0xc8, 0xd0, 0x230, 0x370, 0x280, 0x278}},
    {7600, 7601, {0x168, 0x170, 0x2d8, 0x440, 0x328, 0x320}},
    {9200, 9200, {0x2d0, 0x610, 0x3f0, 0x2fc, 0x480, 0x418}},
    {9600, 9600, {0x2d0, 0x640, 0x3f0, 0x2fc, 0x480, 0x418}},
    {10240, 10240, {0x308, 0x670, 0x400, 0x304, 0x490, 0x428}},
    {10586, 10586, {0x308, 0x678, 0x400, 0x304, 0x498, 0x428}},
    {14393, 14393, {0x308, 0x688, 0x400, 0x304, 0x498, 0x428}},
    {15063, 17763, {0x308, 0x690, 0x400, 0x304, 0x498, 0x428}},
    {18362, 18362, {0x310, 0x6c0, 0x400, 0x30c, 0x498, 0x428}},
    {19041, 22631, {0x468, 0x840, 0x558, 0x464, 0x5f0, 0x580}},
};
constexpr OffsetRow kX86EprocessRows[] = {
    {2600, 2600, {0x70, 0x78, 0x170, 0x248, 0x1a0, kNone}},
    {3790, 3790, {0x80, 0x88, 0x160, 0x240, 0x190, kNone}},
    {6000, 6002, {0x88, 0x90, 0x148, 0x228, 0x178, kNone}},
    {7600, 7601, {0xa0, 0xa8, 0x168, 0x270, 0x198, kNone}},
    {9200, 9200, {0xa8, 0x2b8, 0x144, 0xc4, 0x19c, kNone}},
    {9600, 9600, {0xa8, 0x2b0, 0x144, 0xc4, 0x19c, kNone}},
    {10240, 10240, {0xc8, 0x2c0, 0x148, 0xc4, 0x19c, kNone}},
    {10586, 10586, {0xc8, 0x2c0, 0x148, 0xc4, 0x1a0, kNone}},
    {14393, 14393, {0xc8, 0x2c8, 0x148, 0xc4, 0x1a0, kNone}},
    {15063, 16299, {0xd0, 0x2d0, 0x150, 0xcc, 0x1a8, kNone}},
    {17134, 17763, {0xd0, 0x2d8, 0x150, 0xcc, 0x1a8, kNone}},
    {18362, 18362, {0xd0, 0x348, 0x150, 0xcc, 0x1a8, kNone}},
    {19041, 19045, {0x100, 0x388, 0x180, 0xfc, 0x1d8, kNone}},
};

// _KPROCESS: the tables of user mode, where kernel addresses are hidden from it. Updates of older
// builds have the field as well, at places that no public types tell.
constexpr Field kKprocessFields[] = {kprocess_user_directory_table_base};
constexpr OffsetRow kX64KprocessRows[] = {
    {17134, 17763, {0x278}}, {18362, 18362, {0x280}}, {19041, 22631, {0x388}}};

// _MM_SESSION_SPACE
constexpr Field kSessionFields[] = {session_id};
constexpr OffsetRow kSessionRows[] = {{7600, 22631, {0x8}}};

constexpr OffsetTable kX64Tables[] = {
    {kKthreadFields, kX64KthreadRows},   {kEthreadFields, kX64EthreadRows},
    {kEprocessFields, kX64EprocessRows}, {kKprocessFields, kX64KprocessRows},
    {kSessionFields, kSessionRows},
};
constexpr OffsetTable kX86Tables[] = {
    {kKthreadFields, kX86KthreadRows},
    {kEthreadFields, kX86EthreadRows},
    {kEprocessFields, kX86EprocessRows},
    {kSessionFields, kSessionRows},
};

}  // namespace

std::span<const OffsetTable> fact_tables(base::Architecture architecture) {
  switch (architecture) {
    case base::Architecture::x64:
      return kX64Tables;
    case base::Architecture::x86:
      return kX86Tables;
    default:
      return {};
  }
}

}  // namespace ntstack::target
