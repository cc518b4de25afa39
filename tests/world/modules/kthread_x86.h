// KTHREAD as 32-bit Windows has it: BUILD 7601 (Windows 7) or 19041 (Windows 10 2004 to 22H2).
// Included by kernel.h.
#pragma once

// Only its place in the list and its object are Windows'.
typedef struct KTHREAD {
  KEVENT Header;  // 00
#if BUILD < 9200
  UCHAR Unused010[0x18];       // 010
  UCHAR* InitialStack;         // 028
  UCHAR* StackLimit;           // 02c
  UCHAR* KernelStack;          // 030
  UCHAR Unused034[0xc];        // 034
  LIST_ENTRY ApcListHead[2];   // 040: KAPC_STATE
  void* ApcProcess;            // 050
  UCHAR InProgressFlags;       // 054
  UCHAR KernelApcPending;      // 055
  UCHAR Unused056[0x12];       // 056
  UCHAR State;                 // 068
  UCHAR Unused069[3];          // 069
  NTSTATUS WaitStatus;         // 06c
  KWAIT_BLOCK* WaitBlockList;  // 070
  UCHAR Unused074[0x1c];       // 074
  KWAIT_BLOCK WaitBlock[4];    // 090
  UCHAR Unused100[0x28];       // 100
  void* TrapFrame;             // 128
  UCHAR Unused12c[0x24];       // 12c
  void* Process;               // 150
  UCHAR Unused154[0x33];       // 154
  UCHAR WaitReason;            // 187
  UCHAR Unused188[8];          // 188
  UCHAR* StackBase;            // 190
  UCHAR Unused194[0x6c];       // 194
#else
  UCHAR Unused010[0x10];       // 010
  UCHAR* InitialStack;         // 020
  UCHAR* StackLimit;           // 024
  UCHAR* StackBase;            // 028
  UCHAR Unused02c[0x1c];       // 02c
  UCHAR* KernelStack;          // 048
  UCHAR Unused04c[0x20];       // 04c
  void* TrapFrame;             // 06c
  LIST_ENTRY ApcListHead[2];   // 070: KAPC_STATE
  void* ApcProcess;            // 080
  UCHAR InProgressFlags;       // 084
  UCHAR KernelApcPending;      // 085
  UCHAR Unused086[0xa];        // 086
  UCHAR State;                 // 090
  UCHAR Unused091[3];          // 091
  NTSTATUS WaitStatus;         // 094
  KWAIT_BLOCK* WaitBlockList;  // 098
  UCHAR Unused09c[0x1c];       // 09c
  KWAIT_BLOCK WaitBlock[4];    // 0b8
  UCHAR Unused128[0x28];       // 128
  void* Process;               // 150
  UCHAR Unused154[0x37];       // 154
  UCHAR WaitReason;            // 18b
  UCHAR Unused18c[0xf4];       // 18c
#endif
} KTHREAD;

#define THREAD_STATE(thread) (*(volatile UCHAR*)&(thread)->State)
enum { Running = 2, Waiting = 5 };

#define CHECK_OFFSETS(field, old, now) \
  _Static_assert(__builtin_offsetof(KTHREAD, field) == (BUILD < 9200 ? (old) : (now)), #field)
CHECK_OFFSETS(InitialStack, 0x28, 0x20);
CHECK_OFFSETS(StackLimit, 0x2c, 0x24);
CHECK_OFFSETS(StackBase, 0x190, 0x28);
CHECK_OFFSETS(KernelStack, 0x30, 0x48);
CHECK_OFFSETS(TrapFrame, 0x128, 0x6c);
CHECK_OFFSETS(ApcListHead, 0x40, 0x70);
CHECK_OFFSETS(KernelApcPending, 0x55, 0x85);
CHECK_OFFSETS(State, 0x68, 0x90);
CHECK_OFFSETS(WaitBlockList, 0x70, 0x98);
CHECK_OFFSETS(Process, 0x150, 0x150);
CHECK_OFFSETS(WaitReason, 0x187, 0x18b);
_Static_assert(sizeof(KTHREAD) == (BUILD < 9200 ? 0x200 : 0x280), "KTHREAD");
