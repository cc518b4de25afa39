// ntdll.dll of the pair's process: where its threads begin.
#include "kernel.h"

// KERNEL32.DLL's, set by who loads the images.
EXPORT_DATA void (*Kernel32ThreadInitThunkFunction)(ULONG, ULONG (*)(void*), void*);

EXPORT void RtlUserThreadStart(ULONG (*start)(void*), void* argument) {
  LOCALS(0x48);
  VOID_CALL_RETURNING_TO(RtlUserThreadStart, 0x21,
                         Kernel32ThreadInitThunkFunction(0, start, argument));
  __asm__ volatile("ud2");
}
