// KERNELBASE.dll of the pair's process: what its program calls. Call offsets of ReadFile are a
// published listing's.
#include "kernel.h"

IMPORT NTSTATUS NtReadFile(void* file, void* event, void* buffer, ULONG length, void* a, void* b);
IMPORT NTSTATUS NtWaitForSingleObject(void* object, ULONG alertable, ULONG64* timeout);
IMPORT NTSTATUS NtWaitForMultipleObjects(ULONG count, void** objects, ULONG type, ULONG alertable);

EXPORT ULONG ReadFile(void* file, void* buffer, ULONG length, ULONG* read, void* overlapped) {
  LOCALS(0x38);
  NTSTATUS status;
  CALL_RETURNING_TO(ReadFile, 0x73, status,
                    status = NtReadFile(file, NULL, buffer, length, read, overlapped));
  *read = 0;
  return status >= 0;
}

EXPORT ULONG WaitForSingleObjectEx(void* object, ULONG milliseconds, ULONG alertable) {
  LOCALS(0x58);
  NTSTATUS status;
  CALL_RETURNING_TO(WaitForSingleObjectEx, 0x8e, status,
                    status = NtWaitForSingleObject(object, alertable, NULL));
  __asm__ volatile("" : : "r"(milliseconds));
  return (ULONG)status;
}

EXPORT ULONG WaitForMultipleObjectsEx(ULONG count, void** objects, ULONG all, ULONG milliseconds,
                                      ULONG alertable) {
  LOCALS(0x108);
  NTSTATUS status;
  CALL_RETURNING_TO(WaitForMultipleObjectsEx, 0xf9, status,
                    status = NtWaitForMultipleObjects(count, objects, all ? 0 : 1, alertable));
  __asm__ volatile("" : : "r"(milliseconds));
  return (ULONG)status;
}
