// ntoskrnl.exe of the test world: enough of a kernel for threads to open files, to wait for
// resources and events, to be switched, and to be asked by an APC for their stacks. Function names
// and call offsets are those of the listings in Gary Nebbett's article on triage dumps; the bodies
// are ours.

#define BUILDING_NT
#include "nt.h"

typedef struct OBJECT_ATTRIBUTES {
  ULONG Length;
  void* RootDirectory;
  UNICODE_STRING* ObjectName;
  ULONG Attributes;
} OBJECT_ATTRIBUTES;

typedef struct OPEN_PACKET {
  ULONG Options;
  ULONG QueryOnly;
  FILE_OBJECT* FileObject;
  ULONG64 Attributes;
} OPEN_PACKET;

// What the capturing APC carries (SYSDBG_TRIAGE_DUMP's side of the story).
typedef struct SNAP_REQUEST {
  void* Context;  // a CONTEXT
  ULONG Captured;
  ULONG Reserved;
} SNAP_REQUEST;

void KeSwitchKernelStackAndCallout(void* parameter, EXPAND_STACK_CALLOUT* callout,
                                   UCHAR* initial_stack, UCHAR** saved_stack);
void FASTCALL KiSwapContext(KTHREAD* from, KTHREAD* to);
void HalProcessorIdle(void);
void RtlCaptureContext(void* context);

// Pool and the stacks for expansion are given out from fixed places.
static UCHAR ExpPool[0x4000] __attribute__((aligned(16)));
static ULONG_PTR ExpPoolUsed;
static DEVICE_OBJECT IopDevices[16];
static ULONG IopDeviceCount;
LIST_ENTRY ExpSystemResourcesList = {&ExpSystemResourcesList, &ExpSystemResourcesList};
static ULONG KiWaitCount;

// Set from outside before a run, read by their export: a free kernel stack, and the thread to run
// when another one waits.
EXPORT_DATA struct {
  UCHAR* StackBase;
  UCHAR* StackLimit;
  KTHREAD* NextThread;
  KEVENT* SignalOnSwitch;
  KDPC* Dpcs;  // linked through ListEntry
} KiWorld;

// Variables that a dump's header and KDDEBUGGER_DATA64 point at; the world outside fills them.
ULONG_PTR KiProcessorBlock[64];
LIST_ENTRY PsLoadedModuleList = {&PsLoadedModuleList, &PsLoadedModuleList};
LIST_ENTRY PsActiveProcessHead = {&PsActiveProcessHead, &PsActiveProcessHead};
ULONG64 KdDebuggerDataBlock[0x380 / 8];
ULONG_PTR DbgkpLkmdLiveDumpDiagnosticInformation;
ULONG_PTR MmUnloadedDrivers;
ULONG MmLastUnloadedDriver;

// What is the processor's own: KPCR.Prcb, and of the KPRCB the current thread and the byte that says
// that a DPC is running.
#ifdef __i386__
#define DPC_ROUTINE_ACTIVE (BUILD < 9200 ? 0x1932 : 0x223a)
INLINE ULONG_PTR KiReadPcr(ULONG offset) {
  return *(__seg_fs const volatile ULONG_PTR*)offset;
}
INLINE KTHREAD* KeGetCurrentThread(void) { return (KTHREAD*)KiReadPcr(0x124); }
INLINE UCHAR* KeGetCurrentPrcb(void) { return (UCHAR*)KiReadPcr(0x20); }
// Where the next trap from user mode begins: KPCR.TSS, its Esp0.
INLINE void KiSetInitialStack(UCHAR* initial_stack) {
  *(UCHAR**)(KiReadPcr(0x40) + 4) = initial_stack - 0x10;
}
#elif defined(__aarch64__)
#define DPC_ROUTINE_ACTIVE 0xb1a
// X18 is the KPCR's address, whose KPRCB lies at 980. The stack of a trap from user mode is SP_EL1,
// which nothing here changes.
INLINE UCHAR* KeGetCurrentPrcb(void) {
  UCHAR* prcb;
  __asm__ volatile("add %0, x18, #0x980" : "=r"(prcb));
  return prcb;
}
INLINE KTHREAD* KeGetCurrentThread(void) { return *(KTHREAD* volatile*)(KeGetCurrentPrcb() + 8); }
INLINE void KiSetInitialStack(UCHAR* initial_stack) { (void)initial_stack; }
#else
#define DPC_ROUTINE_ACTIVE 0x312a
INLINE KTHREAD* KeGetCurrentThread(void) {
  KTHREAD* thread;
  __asm__ volatile("movq %%gs:0x188, %0" : "=r"(thread));
  return thread;
}
INLINE UCHAR* KeGetCurrentPrcb(void) {
  UCHAR* prcb;
  __asm__ volatile("movq %%gs:0x20, %0" : "=r"(prcb));
  return prcb;
}
INLINE void KiSetInitialStack(UCHAR* initial_stack) {
  __asm__ volatile("movq %0, %%gs:0x1a8" : : "r"(initial_stack));
}
#endif

INLINE void InitializeListHead(LIST_ENTRY* head) { head->Flink = head->Blink = head; }

INLINE void InsertTailList(LIST_ENTRY* head, LIST_ENTRY* entry) {
  entry->Flink = head;
  entry->Blink = head->Blink;
  head->Blink->Flink = entry;
  head->Blink = entry;
}

INLINE void RemoveEntryList(LIST_ENTRY* entry) {
  entry->Flink->Blink = entry->Blink;
  entry->Blink->Flink = entry->Flink;
}

// ---- the capture ----------------------------------------------------------------------------

FRAME NTSTATUS DbgkpLkmdSnapThreadInContext(KTHREAD* thread, SNAP_REQUEST* request) {
  LOCALS(0x58);
  ULONG_PTR done = request->Captured;
  if (request->Context == NULL || thread == NULL) return STATUS_INVALID_PARAMETER;
  VOID_CALL_RETURNING_TO(DbgkpLkmdSnapThreadInContext, 0x79, RtlCaptureContext(request->Context));
  request->Captured = (ULONG)done + 1;
  return STATUS_SUCCESS;
}

FRAME void DbgkpLkmdSnapThreadApc(KAPC* apc, void** normal_routine, void** normal_context,
                                  void** argument1, void** argument2) {
  NTSTATUS status;
  *normal_routine = NULL;
  CALL_RETURNING_TO(DbgkpLkmdSnapThreadApc, 0x3b, status,
                    status = DbgkpLkmdSnapThreadInContext(apc->Thread, *argument1));
  *normal_context = (void*)(ULONG_PTR)status;
  *argument2 = NULL;
}

// Where the APC's kernel routine is found when a module outside wants to queue one.
EXPORT_DATA void* const DbgkLkmdApcRoutine = (void*)DbgkpLkmdSnapThreadApc;

FRAME void KiDeliverApc(ULONG mode, void* exception_frame, void* trap_frame) {
  LOCALS(0x40);
  KTHREAD* thread = KeGetCurrentThread();
  void* saved_trap_frame = thread->TrapFrame;
  thread->TrapFrame = trap_frame;
  thread->KernelApcPending = 0;
  LIST_ENTRY* head = &thread->ApcListHead[mode & 1];
  __asm__ volatile("" : : "r"(exception_frame));
  while (head->Flink != head) {
    KAPC* apc = (KAPC*)((UCHAR*)head->Flink - __builtin_offsetof(KAPC, ApcListEntry));
    RemoveEntryList(&apc->ApcListEntry);
    apc->Inserted = 0;
    VOID_CALL_RETURNING_TO(KiDeliverApc, 0x1e3,
                           apc->KernelRoutine(apc, &apc->NormalRoutine, &apc->NormalContext,
                                              &apc->SystemArgument1, &apc->SystemArgument2));
  }
  thread->TrapFrame = saved_trap_frame;
}

// ---- threads and waits ----------------------------------------------------------------------

FRAME NTSTATUS KiSwapThread(KTHREAD* thread, void* prcb) {
  LOCALS(0x38);
  KTHREAD* next = KiWorld.NextThread;
  KEVENT* signalled = KiWorld.SignalOnSwitch;
  KiWaitCount++;
  if (next == NULL) next = thread;
  KiSwapContext(thread, next);
  if (signalled != NULL) signalled->SignalState = 1;
  thread->KernelApcPending = 0;
  __asm__ volatile("" : : "r"(prcb));
  return thread->WaitStatus;
}

FRAME NTSTATUS KiCommitThreadWait(KTHREAD* thread, KWAIT_BLOCK* block, ULONG64* timeout) {
  LOCALS(0x48);
  NTSTATUS status = STATUS_SUCCESS;
  thread->WaitBlockList = block;
  if (timeout != NULL && *timeout == 0) return 0x102;
  if (thread->KernelApcPending) {
    VOID_CALL_RETURNING_TO(KiCommitThreadWait, 0x3dd, KiDeliverApc(0, NULL, NULL));
    status = STATUS_KERNEL_APC;
  } else {
    status = KiSwapThread(thread, (UCHAR*)thread->Process);
  }
  THREAD_STATE(thread) = Running;
  return status;
}

INLINE void KiFillWaitBlock(KWAIT_BLOCK* block, KTHREAD* thread, KEVENT* object, ULONG type) {
  block->WaitType = (UCHAR)type;
  block->BlockState = 4;
  block->WaitKey = 0;
  block->Thread = thread;
  block->Object = object;
  InsertTailList(&object->WaitListHead, &block->WaitListEntry);
}

EXPORT NTSTATUS KeWaitForSingleObject(void* object, ULONG reason, ULONG mode, ULONG alertable,
                                      ULONG64* timeout) {
  LOCALS(0x50);
  KTHREAD* thread = KeGetCurrentThread();
  KEVENT* event = object;
  NTSTATUS status = STATUS_SUCCESS;
  while (event->SignalState <= 0) {
    KWAIT_BLOCK* block = &thread->WaitBlock[0];
    KiFillWaitBlock(block, thread, event, 1);
    THREAD_STATE(thread) = Waiting;
    thread->WaitReason = (UCHAR)reason;
    CALL_RETURNING_TO(KeWaitForSingleObject, 0x19f, status,
                      status = KiCommitThreadWait(thread, block, timeout));
    RemoveEntryList(&block->WaitListEntry);
    if (status != STATUS_KERNEL_APC) break;
  }
  __asm__ volatile("" : : "r"(mode), "r"(alertable));
  return status;
}

EXPORT NTSTATUS KeWaitForMultipleObjects(ULONG count, void** objects, ULONG type, ULONG reason,
                                         ULONG mode, ULONG alertable, ULONG64* timeout,
                                         KWAIT_BLOCK* blocks) {
  LOCALS(0xa0);
  KTHREAD* thread = KeGetCurrentThread();
  NTSTATUS status;
  if (count == 0 || (count > 3 && blocks == NULL)) return STATUS_INVALID_PARAMETER;
  if (blocks == NULL) blocks = thread->WaitBlock;
  do {
    for (ULONG i = 0; i < count; i++) {
      KEVENT* event = objects[i];
      if (event->SignalState > 0) return (NTSTATUS)i;
    }
    for (ULONG i = 0; i < count; i++) KiFillWaitBlock(&blocks[i], thread, objects[i], type);
    THREAD_STATE(thread) = Waiting;
    thread->WaitReason = (UCHAR)reason;
    CALL_RETURNING_TO(KeWaitForMultipleObjects, 0x272, status,
                      status = KiCommitThreadWait(thread, blocks, timeout));
    for (ULONG i = 0; i < count; i++) RemoveEntryList(&blocks[i].WaitListEntry);
  } while (status == STATUS_KERNEL_APC);
  __asm__ volatile("" : : "r"(mode), "r"(alertable));
  return status;
}

EXPORT NTSTATUS FsRtlCancellableWaitForMultipleObjects(ULONG count, void** objects, ULONG type,
                                                       ULONG64* timeout, KWAIT_BLOCK* blocks,
                                                       IRP* irp) {
  LOCALS(0x30);
  NTSTATUS status;
  if (irp != NULL && irp->Status == STATUS_CANCELLED) return STATUS_CANCELLED;
  CALL_RETURNING_TO(
      FsRtlCancellableWaitForMultipleObjects, 0xac, status,
      status = KeWaitForMultipleObjects(count, objects, type, 0, 0, 1, timeout, blocks));
  if (irp != NULL && status == STATUS_SUCCESS) irp->Depth++;
  return status;
}

EXPORT void KeInitializeEvent(KEVENT* event, ULONG type, ULONG state) {
  event->Type = (UCHAR)type;
  event->Size = sizeof(KEVENT) / 4;
  event->SignalState = (int)state;
  InitializeListHead(&event->WaitListHead);
}

EXPORT int KeSetEvent(KEVENT* event) {
  const int before = event->SignalState;
  event->SignalState = 1;
  return before;
}

// ---- resources ------------------------------------------------------------------------------

EXPORT NTSTATUS ExInitializeResourceLite(ERESOURCE* resource) {
  for (ULONG i = 0; i < sizeof(*resource) / sizeof(ULONG_PTR); i++)
    ((volatile ULONG_PTR*)resource)[i] = 0;
  InsertTailList(&ExpSystemResourcesList, &resource->SystemResourcesList);
  return STATUS_SUCCESS;
}

FRAME NTSTATUS ExpWaitForResource(ERESOURCE* resource, KEVENT* event) {
  LOCALS(0x60);
  ULONG64 timeout = 0xffffffffff676980;  // 1 s, as a negative count of 100 ns
  NTSTATUS status;
  do {
    resource->ContentionCount++;
    CALL_RETURNING_TO(ExpWaitForResource, 0xae, status,
                      status = KeWaitForSingleObject(event, 27, 0, 0, &timeout));
  } while (status == 0x102);
  return status;
}

EXPORT ULONG ExAcquireResourceExclusiveLite(ERESOURCE* resource, ULONG wait) {
  LOCALS(0x38);
  KTHREAD* thread = KeGetCurrentThread();
  const ULONG_PTR owner = resource->OwnerEntry.OwnerThread & ~(ULONG_PTR)3;
  if (resource->ActiveCount != 0) {
    if (owner == (ULONG_PTR)thread) {
      resource->OwnerEntry.Flags += 8;
      return 1;
    }
    if (!wait) return 0;
    if (resource->ExclusiveWaiters == NULL) {
      resource->ExclusiveWaiters = ExAllocatePoolWithTag(sizeof(KEVENT), 0x76456552);
      if (resource->ExclusiveWaiters == NULL) return 0;
      KeInitializeEvent(resource->ExclusiveWaiters, 1, 0);
    }
    resource->NumberOfExclusiveWaiters++;
    NTSTATUS waited;
    CALL_RETURNING_TO(ExAcquireResourceExclusiveLite, 0x14f, waited,
                      waited = ExpWaitForResource(resource, resource->ExclusiveWaiters));
#ifdef __x86_64__
    __asm__ volatile("" : "+S"(resource));  // where it is: no copy moves before the label
#endif
    resource->NumberOfExclusiveWaiters--;
  }
  resource->ActiveCount = 1;
  resource->Flag |= 0x80;
  resource->ActiveEntries = 1;
  resource->OwnerEntry.OwnerThread = (ULONG_PTR)thread;
  resource->OwnerEntry.Flags = 8;
  return 1;
}

EXPORT void ExReleaseResourceLite(ERESOURCE* resource) {
  if (resource->OwnerEntry.Flags > 15) {
    resource->OwnerEntry.Flags -= 8;
    return;
  }
  resource->ActiveCount = 0;
  resource->Flag &= 0xff7f;
  resource->ActiveEntries = 0;
  resource->OwnerEntry.OwnerThread = 0;
  if (resource->ExclusiveWaiters != NULL) KeSetEvent(resource->ExclusiveWaiters);
}

// ---- stack expansion ------------------------------------------------------------------------

FRAME NTSTATUS KeExpandKernelStackAndCalloutEx(EXPAND_STACK_CALLOUT* callout, void* parameter,
                                               ULONG_PTR size) {
  LOCALS(0x28);
  KTHREAD* thread = KeGetCurrentThread();
  UCHAR* here = locals;
  if (size > 0x12000) return STATUS_INVALID_PARAMETER;
  if (here - thread->StackLimit > (long long)size + 0x1000) {
    callout(parameter);
    return STATUS_SUCCESS;
  }
  if (KiWorld.StackBase == NULL) return STATUS_NO_MEMORY;
  UCHAR* initial_stack = KiWorld.StackBase - 0x50;
  KSTACK_CONTROL* control = (KSTACK_CONTROL*)initial_stack;
  control->StackBase = KiWorld.StackBase;
  control->ActualLimit = (ULONG_PTR)KiWorld.StackLimit | 1;
  control->PreviousStackBase = thread->StackBase;
  control->PreviousStackLimit = thread->StackLimit;
  control->PreviousInitialStack = thread->InitialStack;
  thread->StackBase = KiWorld.StackBase;
  thread->StackLimit = KiWorld.StackLimit;
  thread->InitialStack = initial_stack;
  KiWorld.StackBase = NULL;
  KiSetInitialStack(initial_stack);
  VOID_CALL_RETURNING_TO(KeExpandKernelStackAndCalloutEx, 0x2a2,
                         KeSwitchKernelStackAndCallout(parameter, callout, initial_stack,
                                                       &control->PreviousKernelStack));
  KiWorld.StackBase = thread->StackBase;
  thread->StackBase = control->PreviousStackBase;
  thread->StackLimit = control->PreviousStackLimit;
  thread->InitialStack = control->PreviousInitialStack;
  KiSetInitialStack(thread->InitialStack);
  return STATUS_SUCCESS;
}

EXPORT NTSTATUS KeExpandKernelStackAndCallout(EXPAND_STACK_CALLOUT* callout, void* parameter,
                                              ULONG_PTR size) {
  NTSTATUS status;
  CALL_RETURNING_TO(KeExpandKernelStackAndCallout, 0x12, status,
                    status = KeExpandKernelStackAndCalloutEx(callout, parameter, size));
  return status;
}

// ---- pool, devices, objects -----------------------------------------------------------------

EXPORT void* ExAllocatePoolWithTag(ULONG_PTR size, ULONG tag) {
  const ULONG_PTR whole = (size + 31) & ~(ULONG_PTR)15;
  if (whole > sizeof(ExpPool) - ExpPoolUsed) return NULL;
  UCHAR* header = ExpPool + ExpPoolUsed;
  ExpPoolUsed += whole;
  *(ULONG*)(header + 4) = tag;
  return header + 16;
}

EXPORT NTSTATUS IoCreateDevice(DRIVER_OBJECT* driver, DEVICE_OBJECT* lower, DEVICE_OBJECT** made) {
  if (IopDeviceCount == 16) return STATUS_NO_MEMORY;
  DEVICE_OBJECT* device = &IopDevices[IopDeviceCount++];
  device->DriverObject = driver;
  device->LowerDevice = lower;
  *made = device;
  return STATUS_SUCCESS;
}

EXPORT DEVICE_OBJECT* IoGetLastDevice(void) {
  return IopDeviceCount == 0 ? NULL : &IopDevices[IopDeviceCount - 1];
}

// Leaves by a jump, as in Windows: it is on no stack.
EXPORT NTSTATUS FASTCALL IofCallDriver(DEVICE_OBJECT* device, IRP* irp) {
  irp->Depth++;
  return device->DriverObject->MajorFunction[irp->MajorFunction](device, irp);
}

EXPORT ULONG RtlHashUnicodeString(const UNICODE_STRING* string) {
  ULONG hash = 0;
#pragma clang loop unroll(disable)  // else with a branch that no string takes
  for (ULONG i = 0; i < string->Length / 2u; i++) {
    WCHAR letter = string->Buffer[i];
    if (letter >= 'a' && letter <= 'z') letter -= 'a' - 'A';
    hash = hash * 65599 + letter;
  }
  return hash;
}

FRAME NTSTATUS IopParseDevice(DEVICE_OBJECT* device, OPEN_PACKET* packet,
                              const UNICODE_STRING* rest) {
  LOCALS(0x158);
  IRP irp;
  FILE_OBJECT file;
  NTSTATUS status;
  if (rest->Length == 0) return STATUS_OBJECT_NAME_INVALID;
  irp.MajorFunction = IRP_MJ_CREATE;
  irp.Options = packet->Options;
  irp.FileName = *rest;
  irp.FileObject = &file;
  irp.Status = STATUS_SUCCESS;
  irp.Depth = 0;
  file.FileName = *rest;
  file.FsContext = NULL;
  CALL_RETURNING_TO(IopParseDevice, 0x14e2, status, status = IofCallDriver(device, &irp));
  if (status >= 0) {
    packet->Attributes = RtlHashUnicodeString(&irp.FileName);
    irp.MajorFunction = IRP_MJ_CLOSE;
    if (packet->QueryOnly) IofCallDriver(device, &irp);
  }
  return status;
}

FRAME NTSTATUS ObpLookupObjectName(const UNICODE_STRING* name, OPEN_PACKET* packet) {
  LOCALS(0x90);
  static const WCHAR mup[] = {'\\', 'D', 'e', 'v', 'i', 'c', 'e', '\\', 'M', 'u', 'p'};
  const ULONG length = sizeof(mup) / 2;
  NTSTATUS status;
  if (name->Length < sizeof(mup)) return STATUS_OBJECT_NAME_INVALID;
  for (ULONG i = 0; i < length; i++) {
    if (name->Buffer[i] != mup[i]) return STATUS_OBJECT_NAME_NOT_FOUND;
  }
  UNICODE_STRING rest = {name->Length - sizeof(mup), name->Length - sizeof(mup),
                         name->Buffer + length};
  CALL_RETURNING_TO(ObpLookupObjectName, 0x784, status,
                    status = IopParseDevice(IoGetLastDevice(), packet, &rest));
  return status;
}

FRAME NTSTATUS ObOpenObjectByName(const OBJECT_ATTRIBUTES* attributes, OPEN_PACKET* packet) {
  LOCALS(0xa8);
  WCHAR copy[64];
  NTSTATUS status;
  const UNICODE_STRING* user = attributes->ObjectName;
  if (user == NULL || user->Length > sizeof(copy)) return STATUS_OBJECT_NAME_INVALID;
  for (ULONG i = 0; i < user->Length / 2u; i++) *(volatile WCHAR*)&copy[i] = user->Buffer[i];
  UNICODE_STRING name = {user->Length, sizeof(copy), copy};
  CALL_RETURNING_TO(ObOpenObjectByName, 0x306, status, status = ObpLookupObjectName(&name, packet));
  return status;
}

FRAME NTSTATUS IopCreateFile(void** handle, const OBJECT_ATTRIBUTES* attributes, ULONG options) {
  LOCALS(0x70);
  OPEN_PACKET packet = {options, 0, NULL, 0};
  NTSTATUS status;
  if (handle == NULL) return STATUS_INVALID_PARAMETER;
  CALL_RETURNING_TO(IopCreateFile, 0x2bc, status, status = ObOpenObjectByName(attributes, &packet));
  if (status >= 0) *handle = (void*)4;
  return status;
}

FRAME NTSTATUS NtCreateFile(void** handle, ULONG access, const OBJECT_ATTRIBUTES* attributes,
                            void* io_status, ULONG64* allocation, ULONG options) {
  NTSTATUS status;
  CALL_RETURNING_TO(NtCreateFile, 0x78, status,
                    status = IopCreateFile(handle, attributes, options));
  __asm__ volatile("" : : "r"(access), "r"(io_status), "r"(allocation));
  return status;
}

FRAME NTSTATUS NtQueryFullAttributesFile(const OBJECT_ATTRIBUTES* attributes, ULONG64* result) {
  LOCALS(0x80);
  OPEN_PACKET packet = {OPEN_QUERY_ONLY, 1, NULL, 0};
  NTSTATUS status;
  CALL_RETURNING_TO(NtQueryFullAttributesFile, 0x14f, status,
                    status = ObOpenObjectByName(attributes, &packet));
  if (status >= 0) *result = packet.Attributes;
  return status;
}

FRAME NTSTATUS NtClose(void* handle) {
  return handle == NULL ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

// ---- traps ----------------------------------------------------------------------------------

FRAME NTSTATUS MmAccessFault(ULONG_PTR error_code, ULONG_PTR rip) {
  LOCALS(0x68);
  if (KeGetCurrentPrcb()[DPC_ROUTINE_ACTIVE]) return STATUS_INVALID_PARAMETER;
  return (error_code & 1) && rip == 0 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

FRAME void KiProcessInterrupt(void* trap_frame) {
  LOCALS(0x30);
  __asm__ volatile("" : : "r"(trap_frame) : "memory");
}

FRAME void KiExecuteAllDpcs(UCHAR* prcb, KDPC* list) {
  LOCALS(0x78);
  prcb[DPC_ROUTINE_ACTIVE] = 1;
  while (list != NULL) {
    KDPC* dpc = list;
    list = (KDPC*)dpc->ListEntry.Flink;
    dpc->DeferredRoutine(dpc, dpc->DeferredContext, dpc->SystemArgument1, dpc->SystemArgument2);
  }
  prcb[DPC_ROUTINE_ACTIVE] = 0;
}

FRAME void KiRetireDpcList(UCHAR* prcb) {
  LOCALS(0x90);
  while (KiWorld.Dpcs != NULL) {
    KDPC* list = KiWorld.Dpcs;
    KiWorld.Dpcs = NULL;
    KiExecuteAllDpcs(prcb, list);
  }
}

FRAME void PoIdle(UCHAR* prcb) {
  LOCALS(0x130);
  HalProcessorIdle();
  __asm__ volatile("" : : "r"(prcb) : "memory");
}

// What an idle processor's thread does, for ever: nothing called it.
FRAME void KiIdleLoop(void) {
  UCHAR* prcb = KeGetCurrentPrcb();
  for (;;) {
    PoIdle(prcb);
    if (KiWorld.Dpcs != NULL) KiRetireDpcList(prcb);
  }
}

// The loader calls this once: nothing to prepare.
EXPORT NTSTATUS KiSystemStartup(void) {
  KiWaitCount = 0;
  return STATUS_SUCCESS;
}
