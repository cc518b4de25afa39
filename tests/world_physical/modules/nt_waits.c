// What the kernel of the physical world has beyond nt.c: waits as a machine of many processes has
// them. Function names and call offsets are those of a published listing of a console program whose
// main thread reads a line; the bodies are ours. nt.c's own waits have other names here (Seed1).
#include "kernel.h"

// What a dump's reader looks for by name, or finds without: the block of KDDEBUGGER_DATA64 is
// encoded with these.
ULONG64 KiWaitNever, KiWaitAlways;
UCHAR KdpDataBlockEncoded;
// All kernels export them.
EXPORT_DATA ULONG NtBuildNumber;
EXPORT_DATA void* PsInitialSystemProcess;

extern __declspec(dllexport) struct {
  UCHAR* StackBase;
  UCHAR* StackLimit;
  KTHREAD* NextThread;
} KiWorld;

void KiSwapContext(KTHREAD* from, KTHREAD* to);

INLINE KTHREAD* KeGetCurrentThread(void) {
  KTHREAD* thread;
  __asm__ volatile("movq %%gs:0x188, %0" : "=r"(thread));
  return thread;
}

// ---- waits ----------------------------------------------------------------------------------

FRAME NTSTATUS KiSwapThread(KTHREAD* thread, void* prcb) {
  LOCALS(0x68);
  KTHREAD* next = KiWorld.NextThread;
  if (next == NULL) next = thread;
  VOID_CALL_RETURNING_TO(KiSwapThread, 0x500, KiSwapContext(thread, next));
  __asm__ volatile("" : : "r"(prcb));
  return thread->WaitStatus;
}

#include "waits.h"

FRAME NTSTATUS KeDelayExecutionThread(ULONG mode, ULONG alertable, ULONG64* timeout) {
  LOCALS(0x58);
  KTHREAD* thread = KeGetCurrentThread();
  NTSTATUS status;
  KiBeginWait(thread, &thread->WaitBlock[0], NULL, 4);
  CALL_RETURNING_TO(KeDelayExecutionThread, 0x122, status,
                    status = KiCommitThreadWait(thread, &thread->WaitBlock[0], timeout));
  __asm__ volatile("" : : "r"(mode), "r"(alertable));
  return status;
}

FRAME void* KeRemoveQueueEx(KEVENT* queue, ULONG mode, ULONG64* timeout) {
  LOCALS(0x78);
  KTHREAD* thread = KeGetCurrentThread();
  NTSTATUS status;
  KiBeginWait(thread, &thread->WaitBlock[0], queue, 15);
  CALL_RETURNING_TO(KeRemoveQueueEx, 0x263, status,
                    status = KiCommitThreadWait(thread, &thread->WaitBlock[0], timeout));
  __asm__ volatile("" : : "r"(mode));
  return (void*)(ULONG_PTR)(ULONG)status;
}

// ---- services -------------------------------------------------------------------------------

FRAME NTSTATUS IopWaitForSynchronousIoEvent(KEVENT* event, void* irp) {
  LOCALS(0x20);
  NTSTATUS status;
  CALL_RETURNING_TO(IopWaitForSynchronousIoEvent, 0x50, status,
                    status = KeWaitForSingleObject(event, 0, 0, 1, NULL));
  __asm__ volatile("" : : "r"(irp));
  return status;
}

FRAME NTSTATUS IopSynchronousServiceTail(void* device, void* irp, KEVENT* event) {
  LOCALS(0x58);
  NTSTATUS status;
  CALL_RETURNING_TO(IopSynchronousServiceTail, 0x50b, status,
                    status = IopWaitForSynchronousIoEvent(event, irp));
  __asm__ volatile("" : : "r"(device));
  return status;
}

FRAME NTSTATUS IopReadFile(void* file, KEVENT* event, void* buffer, ULONG length) {
  LOCALS(0xa0);
  NTSTATUS status;
  CALL_RETURNING_TO(IopReadFile, 0x7cc, status,
                    status = IopSynchronousServiceTail(file, buffer, event));
  __asm__ volatile("" : : "r"(length));
  return status;
}

FRAME NTSTATUS NtReadFile(KEVENT* event, void* file, void* buffer, ULONG length) {
  LOCALS(0xa8);
  NTSTATUS status;
  CALL_RETURNING_TO(NtReadFile, 0x8a8, status, status = IopReadFile(file, event, buffer, length));
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

FRAME NTSTATUS NtDelayExecution(ULONG alertable, ULONG64* timeout) {
  NTSTATUS status;
  CALL_RETURNING_TO(NtDelayExecution, 0x5f, status,
                    status = KeDelayExecutionThread(1, alertable, timeout));
  return status;
}

FRAME NTSTATUS NtRemoveIoCompletion(KEVENT* port, ULONG64* timeout) {
  LOCALS(0x40);
  void* entry;
  CALL_RETURNING_TO(NtRemoveIoCompletion, 0x13f, entry, entry = KeRemoveQueueEx(port, 1, timeout));
  return (NTSTATUS)(ULONG_PTR)entry;
}

// ---- system threads -------------------------------------------------------------------------

FRAME void ExpWorkerThread(KEVENT* queue) {
  LOCALS(0x88);
  for (;;) {
    void* entry;
    CALL_RETURNING_TO(ExpWorkerThread, 0x9d, entry, entry = KeRemoveQueueEx(queue, 0, NULL));
    if (entry == NULL) break;
  }
}

FRAME void PspSystemThreadStartup(void (*routine)(KEVENT*), KEVENT* argument) {
  LOCALS(0x28);
  VOID_CALL_RETURNING_TO(PspSystemThreadStartup, 0x55, routine(argument));
  __asm__ volatile("ud2");
}
