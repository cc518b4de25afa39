// KTHREAD on ARM64, Windows 11 21H2: KernelStack, InitialStack, ApcProcess, State, StackLimit,
// StackBase and WaitReason as a real dump's KDDEBUGGER_DATA64 says; the others inferred from x64's
// (see layout.h). Included by kernel.h.
#pragma once

typedef struct KTHREAD {
  KEVENT Header;               // 000
  UCHAR Unused018[0x10];       // 018
  UCHAR* InitialStack;         // 028
  UCHAR* StackLimit;           // 030
  UCHAR* StackBase;            // 038
  UCHAR Unused040[0x18];       // 040
  UCHAR* KernelStack;          // 058
  UCHAR Unused060[0x28];       // 060
  void* TrapFrame;             // 088
  LIST_ENTRY ApcListHead[2];   // 090: KAPC_STATE
  void* ApcProcess;            // 0b0
  UCHAR InProgressFlags;       // 0b8
  UCHAR KernelApcPending;      // 0b9
  UCHAR Unused0ba[6];          // 0ba
  NTSTATUS WaitStatus;         // 0c0
  ULONG Unused0c4;             // 0c4
  KWAIT_BLOCK* WaitBlockList;  // 0c8
  UCHAR Unused0d0[0x68];       // 0d0
  KWAIT_BLOCK WaitBlock[4];    // 138
  UCHAR Unused1f8[0x48];       // 1f8
  void* Process;               // 240
  UCHAR Unused248[0x5b];       // 248
  UCHAR WaitReason;            // 2a3
  UCHAR Unused2a4[0x1dc];      // 2a4
} KTHREAD;

// As on x64, the state's place in Windows is the spare word of the second wait block.
#define THREAD_STATE(thread) (*(volatile UCHAR*)&(thread)->WaitBlock[1].Spare)
enum { Running = 2, Waiting = 5 };

#define CHECK_OFFSET(type, field, offset) \
  _Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field)
CHECK_OFFSET(KTHREAD, InitialStack, 0x28);
CHECK_OFFSET(KTHREAD, StackBase, 0x38);
CHECK_OFFSET(KTHREAD, KernelStack, 0x58);
CHECK_OFFSET(KTHREAD, TrapFrame, 0x88);
CHECK_OFFSET(KTHREAD, ApcProcess, 0xb0);
CHECK_OFFSET(KTHREAD, KernelApcPending, 0xb9);
CHECK_OFFSET(KTHREAD, WaitBlockList, 0xc8);
CHECK_OFFSET(KTHREAD, WaitBlock[1].Spare, 0x17c);
CHECK_OFFSET(KTHREAD, Process, 0x240);
CHECK_OFFSET(KTHREAD, WaitReason, 0x2a3);
