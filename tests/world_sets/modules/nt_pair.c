// What the kernel of the pair of dumps has beyond nt.c: a console program's waits, each of which an
// APC may interrupt to have the thread's stack. Function names and call offsets are those of a
// published listing of such a dump; the bodies are ours. nt.c's own have other names here (Seed1).
#include "kernel.h"

typedef struct SNAP_REQUEST {
  void* Context;  // a CONTEXT
  ULONG Captured;
  ULONG Reserved;
} SNAP_REQUEST;

extern __declspec(dllexport) struct {
  UCHAR* StackBase;
  UCHAR* StackLimit;
  KTHREAD* NextThread;
} KiWorld;

void KiSwapContext(KTHREAD* from, KTHREAD* to);
void RtlCaptureContext(void* context);

INLINE KTHREAD* KeGetCurrentThread(void) {
  KTHREAD* thread;
  __asm__ volatile("movq %%gs:0x188, %0" : "=r"(thread));
  return thread;
}

// ---- the capture ----------------------------------------------------------------------------

FRAME NTSTATUS DbgkpLkmdSnapThreadInContext(KTHREAD* thread, SNAP_REQUEST* request) {
  LOCALS(0x500);
  if (request->Context == NULL || thread == NULL) return STATUS_INVALID_PARAMETER;
  VOID_CALL_RETURNING_TO(DbgkpLkmdSnapThreadInContext, 0x95, RtlCaptureContext(request->Context));
  request->Captured++;
  return STATUS_SUCCESS;
}

FRAME void DbgkpLkmdSnapThreadApc(KAPC* apc, void** normal_routine, void** normal_context,
                                  void** argument1, void** argument2) {
  NTSTATUS status;
  *normal_routine = NULL;
  CALL_RETURNING_TO(DbgkpLkmdSnapThreadApc, 0x3b, status,
                    status = DbgkpLkmdSnapThreadInContext(apc->Thread, *argument1));
  *normal_context = (void*)(ULONG_PTR)(ULONG)status;
  *argument2 = NULL;
}

EXPORT_DATA void* const DbgkLkmdApcRoutine = (void*)DbgkpLkmdSnapThreadApc;

FRAME void KiDeliverApc(ULONG mode, void* exception_frame, void* trap_frame) {
  LOCALS(0x58);
  KTHREAD* thread = KeGetCurrentThread();
  LIST_ENTRY* head = &thread->ApcListHead[mode & 1];
  thread->KernelApcPending = 0;
  __asm__ volatile("" : : "r"(exception_frame), "r"(trap_frame));
  while (head->Flink != head) {
    KAPC* apc = (KAPC*)((UCHAR*)head->Flink - __builtin_offsetof(KAPC, ApcListEntry));
    head->Flink = apc->ApcListEntry.Flink;
    head->Flink->Blink = head;
    apc->Inserted = 0;
    VOID_CALL_RETURNING_TO(KiDeliverApc, 0x1b0,
                           apc->KernelRoutine(apc, &apc->NormalRoutine, &apc->NormalContext,
                                              &apc->SystemArgument1, &apc->SystemArgument2));
  }
}

// ---- waits ----------------------------------------------------------------------------------

FRAME NTSTATUS KiSwapThread(KTHREAD* thread, void* prcb) {
  LOCALS(0x68);
  KTHREAD* next = KiWorld.NextThread;
  if (next == NULL) next = thread;
  if (thread->KernelApcPending)
    VOID_CALL_RETURNING_TO(KiSwapThread, 0x827, KiDeliverApc(0, NULL, NULL));
  else
    KiSwapContext(thread, next);
  __asm__ volatile("" : : "r"(prcb));
  return thread->WaitStatus;
}

#include "waits.h"

// ---- services -------------------------------------------------------------------------------

FRAME NTSTATUS IopSynchronousServiceTail(void* device, void* irp, KEVENT* event) {
  LOCALS(0x58);
  NTSTATUS status;
  CALL_RETURNING_TO(IopSynchronousServiceTail, 0x238, status,
                    status = KeWaitForSingleObject(event, 0, 0, 1, NULL));
  __asm__ volatile("" : : "r"(device), "r"(irp));
  return status;
}

FRAME NTSTATUS NtReadFile(KEVENT* event, void* file, void* buffer, ULONG length) {
  LOCALS(0xa8);
  NTSTATUS status;
  CALL_RETURNING_TO(NtReadFile, 0x599, status,
                    status = IopSynchronousServiceTail(file, buffer, event));
  __asm__ volatile("" : : "r"(length));
  return status;
}

FRAME NTSTATUS ObWaitForSingleObject(KEVENT* event, ULONG mode, ULONG alertable) {
  LOCALS(0x38);
  NTSTATUS status;
  CALL_RETURNING_TO(ObWaitForSingleObject, 0x91, status,
                    status = KeWaitForSingleObject(event, 6, mode, alertable, NULL));
  return status;
}

FRAME NTSTATUS NtWaitForSingleObject(KEVENT* event, ULONG alertable) {
  NTSTATUS status;
  CALL_RETURNING_TO(NtWaitForSingleObject, 0x6a, status,
                    status = ObWaitForSingleObject(event, 1, alertable));
  return status;
}

FRAME NTSTATUS ObWaitForMultipleObjects(ULONG count, void** objects, ULONG type) {
  LOCALS(0x1e8);
  NTSTATUS status;
  CALL_RETURNING_TO(
      ObWaitForMultipleObjects, 0x2a6, status,
      status = KeWaitForMultipleObjects(count, objects, type, 6, 1, 0, NULL, NULL));
  return status;
}

FRAME NTSTATUS NtWaitForMultipleObjects(ULONG count, void** objects, ULONG type) {
  LOCALS(0x220);
  NTSTATUS status;
  CALL_RETURNING_TO(NtWaitForMultipleObjects, 0x119, status,
                    status = ObWaitForMultipleObjects(count, objects, type));
  return status;
}

// What the stubs name besides, and no thread here comes to.
FRAME NTSTATUS NtDelayExecution(void) { return STATUS_INVALID_DEVICE_REQUEST; }
FRAME NTSTATUS NtRemoveIoCompletion(void) { return STATUS_INVALID_DEVICE_REQUEST; }
FRAME void PspSystemThreadStartup(void) { __asm__ volatile("ud2"); }
