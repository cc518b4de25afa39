// What the modules of the test world share: structures laid out as Windows has them (x64: 8 to 11;
// x86: BUILD; offsets from the public PDB types) or much reduced, and the means to put a call at a
// given offset (x64 alone).
#pragma once

typedef unsigned char UCHAR;
typedef unsigned short WCHAR;
typedef unsigned int ULONG;
typedef int NTSTATUS;
typedef unsigned long long ULONG64;
#ifdef _WIN64
typedef unsigned long long ULONG_PTR;
#else
typedef unsigned int ULONG_PTR;
#endif

#define NULL ((void*)0)
#define STATUS_SUCCESS 0
#define STATUS_KERNEL_APC 0x100
#define STATUS_INVALID_PARAMETER ((NTSTATUS)0xc000000d)
#define STATUS_INVALID_DEVICE_REQUEST ((NTSTATUS)0xc0000010)
#define STATUS_NO_MEMORY ((NTSTATUS)0xc0000017)
#define STATUS_OBJECT_NAME_INVALID ((NTSTATUS)0xc0000033)
#define STATUS_OBJECT_NAME_NOT_FOUND ((NTSTATUS)0xc0000034)
#define STATUS_BAD_NETWORK_PATH ((NTSTATUS)0xc00000be)
#define STATUS_CANCELLED ((NTSTATUS)0xc0000120)

// A frame of its own, whatever the optimizer thinks.
#define FRAME __attribute__((noinline))
#define EXPORT __declspec(dllexport) __attribute__((noinline))
#define EXPORT_DATA __declspec(dllexport)
#define IMPORT __declspec(dllimport)
#define INLINE static inline __attribute__((always_inline))
// Registers take the arguments; on x86 everything else is stdcall (-mrtd) or variadic.
#ifdef __i386__
#define FASTCALL __attribute__((fastcall))
#else
#define FASTCALL
#endif

// Local bytes that the optimizer must keep: what makes frames as wide as real ones are.
#define LOCALS(size)  \
  UCHAR locals[size]; \
  __asm__ volatile("" : : "r"(locals) : "memory")

#ifdef __x86_64__
// Bytes to fill between the code before a call and the call, for it to return to
// `function`+`offset`.
#define FILLING(function, offset)                                                           \
  "(" #offset " - (.Lfill_" #function "_" #offset " - " #function ") - (.Lafter_" #function \
  "_" #offset " - .Lfilled_" #function "_" #offset "))"

// Makes `statement`, which ends in a call, return to `function`+`offset`: the space before it is
// filled with nops. The assembler measures the code on both sides of them, so nothing depends on
// the compiler's choices; a function that is already longer does not assemble. `result` keeps the
// call's value; the second form is for calls that have none.
#define CALL_RETURNING_TO(function, offset, result, statement)                       \
  do {                                                                               \
    FILL_BEFORE_CALL(function, offset);                                              \
    statement;                                                                       \
    __asm__ volatile(".Lafter_" #function "_" #offset ":" : "+a"(result)::"memory"); \
  } while (0)
#define VOID_CALL_RETURNING_TO(function, offset, statement)                \
  do {                                                                     \
    FILL_BEFORE_CALL(function, offset);                                    \
    statement;                                                             \
    __asm__ volatile(".Lafter_" #function "_" #offset ":" : : : "memory"); \
  } while (0)
#define FILL_BEFORE_CALL(function, offset) \
  __asm__ volatile(".Lfill_" #function "_" #offset ":\n"                            \
                   ".fill " FILLING(function, offset) " >> 3, 8, 0x841f0f\n"        \
                   ".fill " FILLING(function, offset) " & 7, 1, 0x90\n"             \
                   ".Lfilled_" #function "_" #offset ":" : : : "memory")
#else
#define CALL_RETURNING_TO(function, offset, result, statement) \
  do {                                                         \
    statement;                                                 \
    __asm__ volatile("" : "+r"(result)::"memory");             \
  } while (0)
#define VOID_CALL_RETURNING_TO(function, offset, statement) \
  do {                                                      \
    statement;                                              \
    __asm__ volatile("" : : : "memory");                    \
  } while (0)
#endif

typedef struct LIST_ENTRY {
  struct LIST_ENTRY* Flink;
  struct LIST_ENTRY* Blink;
} LIST_ENTRY;

typedef struct KEVENT {  // a DISPATCHER_HEADER
  UCHAR Type, Signalling, Size, Reserved;
  int SignalState;
  LIST_ENTRY WaitListHead;
} KEVENT;

typedef struct KWAIT_BLOCK {
  LIST_ENTRY WaitListEntry;
  UCHAR WaitType, BlockState;
  unsigned short WaitKey;
  ULONG Spare;
  struct KTHREAD* Thread;
  void* Object;
  void* SparePointer;
} KWAIT_BLOCK;

#if defined(__aarch64__)
#include "kthread_arm64.h"
#elif defined(_WIN64)
typedef struct KTHREAD {
  KEVENT Header;               // 000
  UCHAR Unused018[0x10];       // 018
  UCHAR* InitialStack;         // 028
  UCHAR* StackLimit;           // 030
  UCHAR* StackBase;            // 038
  UCHAR Unused040[0x18];       // 040
  UCHAR* KernelStack;          // 058
  UCHAR Unused060[0x30];       // 060
  void* TrapFrame;             // 090
  LIST_ENTRY ApcListHead[2];   // 098: KAPC_STATE
  void* ApcProcess;            // 0b8
  UCHAR InProgressFlags;       // 0c0
  UCHAR KernelApcPending;      // 0c1
  UCHAR Unused0c2[6];          // 0c2
  NTSTATUS WaitStatus;         // 0c8
  ULONG Unused0cc;             // 0cc
  KWAIT_BLOCK* WaitBlockList;  // 0d0
  UCHAR Unused0d8[0x68];       // 0d8
  KWAIT_BLOCK WaitBlock[4];    // 140
  UCHAR Unused200[0x20];       // 200
  void* Process;               // 220
  UCHAR Unused228[0x5b];       // 228
  UCHAR WaitReason;            // 283
  UCHAR Unused284[0x1ac];      // 284
} KTHREAD;

// The state's place in Windows is the spare word of the second wait block.
#define THREAD_STATE(thread) (*(volatile UCHAR*)&(thread)->WaitBlock[1].Spare)
enum { Running = 2, Waiting = 5 };

#define CHECK_OFFSET(type, field, offset) \
  _Static_assert(__builtin_offsetof(type, field) == (offset), #type "." #field)
CHECK_OFFSET(KTHREAD, InitialStack, 0x28);
CHECK_OFFSET(KTHREAD, StackBase, 0x38);
CHECK_OFFSET(KTHREAD, KernelStack, 0x58);
CHECK_OFFSET(KTHREAD, TrapFrame, 0x90);
CHECK_OFFSET(KTHREAD, ApcListHead, 0x98);
CHECK_OFFSET(KTHREAD, KernelApcPending, 0xc1);
CHECK_OFFSET(KTHREAD, WaitBlockList, 0xd0);
CHECK_OFFSET(KTHREAD, WaitBlock[1].Spare, 0x184);
CHECK_OFFSET(KTHREAD, Process, 0x220);
CHECK_OFFSET(KTHREAD, WaitReason, 0x283);
#else
#include "kthread_x86.h"
#endif

// Where a kernel stack ends: at KTHREAD.InitialStack, above the first frame.
typedef struct KSTACK_CONTROL {
  UCHAR* StackBase;
  ULONG_PTR ActualLimit;  // bit 0: the stack was expanded
#ifndef _WIN64
  void* PreviousTrapFrame;      // up to Windows 7 there are two records of a segment instead:
  void* PreviousExceptionList;  // this one's kernel stack and initial stack
#if BUILD < 9200
  ULONG_PTR OwnActualLimit;
#endif
#endif
  UCHAR* PreviousStackBase;
  UCHAR* PreviousStackLimit;
  UCHAR* PreviousKernelStack;
  UCHAR* PreviousInitialStack;
} KSTACK_CONTROL;

typedef struct KAPC {
  UCHAR Type, SpareByte0, Size, SpareByte1;
  ULONG SpareLong0;
  KTHREAD* Thread;
  LIST_ENTRY ApcListEntry;
  void (*KernelRoutine)(struct KAPC*, void**, void**, void**, void**);
  void* RundownRoutine;
  void* NormalRoutine;
  void* NormalContext;
  void* SystemArgument1;
  void* SystemArgument2;
  UCHAR ApcStateIndex, ApcMode, Inserted;
} KAPC;
_Static_assert(sizeof(KAPC) == 0x58 || sizeof(void*) == 4, "KAPC");

typedef struct KDPC {
  UCHAR Type, Importance;
  unsigned short Number;
#ifdef _WIN64
  ULONG Unused;
#endif
  LIST_ENTRY ListEntry;
  void (*DeferredRoutine)(struct KDPC*, void*, void*, void*);
  void* DeferredContext;
  void* SystemArgument1;
  void* SystemArgument2;
  void* DpcData;
} KDPC;
_Static_assert(sizeof(KDPC) == 0x40 || sizeof(void*) == 4, "KDPC");

typedef struct OWNER_ENTRY {
  ULONG_PTR OwnerThread;
  ULONG Flags;  // the count from bit 3 on
#ifdef _WIN64
  ULONG Unused;
#endif
} OWNER_ENTRY;

typedef struct ERESOURCE {
  LIST_ENTRY SystemResourcesList;  // 00
  OWNER_ENTRY* OwnerTable;         // 10
  short ActiveCount;               // 18
  unsigned short Flag;             // 1a
#ifdef _WIN64
  ULONG Unused1c;  // 1c
#endif
  void* SharedWaiters;             // 20
  void* ExclusiveWaiters;          // 28
  OWNER_ENTRY OwnerEntry;          // 30
  ULONG ActiveEntries;             // 40
  ULONG ContentionCount;           // 44
  ULONG NumberOfSharedWaiters;     // 48
  ULONG NumberOfExclusiveWaiters;  // 4c
  UCHAR Unused50[0x18];            // 50
} ERESOURCE;
_Static_assert(sizeof(ERESOURCE) == 0x68 || sizeof(void*) == 4, "ERESOURCE");

// From here on reduced to what the world needs.
typedef struct UNICODE_STRING {
  unsigned short Length, MaximumLength;
  const WCHAR* Buffer;
} UNICODE_STRING;

enum { IRP_MJ_CREATE, IRP_MJ_CLOSE, IRP_MJ_COUNT };

struct DEVICE_OBJECT;
struct IRP;

typedef struct DRIVER_OBJECT {
  UNICODE_STRING DriverName;
  NTSTATUS (*MajorFunction[IRP_MJ_COUNT])(struct DEVICE_OBJECT*, struct IRP*);
} DRIVER_OBJECT;

typedef struct DEVICE_OBJECT {
  DRIVER_OBJECT* DriverObject;
  struct DEVICE_OBJECT* LowerDevice;
  void* DeviceExtension;
} DEVICE_OBJECT;

typedef struct FILE_OBJECT {
  UNICODE_STRING FileName;
  void* FsContext;
} FILE_OBJECT;

typedef struct IRP {
  ULONG MajorFunction;
  ULONG Options;
  FILE_OBJECT* FileObject;
  UNICODE_STRING FileName;
  NTSTATUS Status;
  ULONG Depth;
} IRP;

enum { OPEN_WITHOUT_FILTERS = 1, OPEN_QUERY_ONLY = 2 };
