// KERNEL32.DLL of the pair's process.
#include "kernel.h"

EXPORT void BaseThreadInitThunk(ULONG reason, ULONG (*start)(void*), void* argument) {
  LOCALS(0x20);
  ULONG result;
  __asm__ volatile("" : : "r"(reason));
  CALL_RETURNING_TO(BaseThreadInitThunk, 0x24, result, result = start(argument));
  __asm__ volatile("ud2" : : "r"(result));
}
