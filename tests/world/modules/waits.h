// How a thread waits, for kernels whose waits have the names and call offsets of a published
// listing: included behind their own KiSwapThread and KeGetCurrentThread.
#pragma once

#include "kernel.h"

FRAME NTSTATUS KiCommitThreadWait(KTHREAD* thread, KWAIT_BLOCK* block, ULONG64* timeout) {
  LOCALS(0x58);
  NTSTATUS status;
  thread->WaitBlockList = block;
  CALL_RETURNING_TO(KiCommitThreadWait, 0x14f, status,
                    status = KiSwapThread(thread, (UCHAR*)thread->Process));
  THREAD_STATE(thread) = Running;
  __asm__ volatile("" : : "r"(timeout));
  return status;
}

INLINE void KiBeginWait(KTHREAD* thread, KWAIT_BLOCK* block, KEVENT* event, ULONG reason) {
  block->WaitType = 1;
  block->BlockState = 4;
  block->Thread = thread;
  block->Object = event;
  THREAD_STATE(thread) = Waiting;
  thread->WaitReason = (UCHAR)reason;
}

EXPORT NTSTATUS KeWaitForSingleObject(void* object, ULONG reason, ULONG mode, ULONG alertable,
                                      ULONG64* timeout) {
  LOCALS(0x90);
  KTHREAD* thread = KeGetCurrentThread();
  NTSTATUS status;
  KiBeginWait(thread, &thread->WaitBlock[0], object, reason);
  CALL_RETURNING_TO(KeWaitForSingleObject, 0x233, status,
                    status = KiCommitThreadWait(thread, &thread->WaitBlock[0], timeout));
  __asm__ volatile("" : : "r"(mode), "r"(alertable));
  return status;
}

EXPORT NTSTATUS KeWaitForMultipleObjects(ULONG count, void** objects, ULONG type, ULONG reason,
                                         ULONG mode, ULONG alertable, ULONG64* timeout,
                                         KWAIT_BLOCK* blocks) {
  LOCALS(0xe0);
  KTHREAD* thread = KeGetCurrentThread();
  NTSTATUS status;
  if (count == 0 || count > 3) return STATUS_INVALID_PARAMETER;
  for (ULONG i = count; i-- != 0;) KiBeginWait(thread, &thread->WaitBlock[i], objects[i], reason);
  CALL_RETURNING_TO(KeWaitForMultipleObjects, 0x2be, status,
                    status = KiCommitThreadWait(thread, thread->WaitBlock, timeout));
  __asm__ volatile("" : : "r"(mode), "r"(alertable), "r"(type), "r"(blocks));
  return status;
}
