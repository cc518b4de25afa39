// ConsoleApp1.exe: its main thread reads a line; the others wait.
#include "kernel.h"

IMPORT ULONG ReadFile(void* file, void* buffer, ULONG length, ULONG* read, void* overlapped);
IMPORT ULONG WaitForSingleObjectEx(void* object, ULONG milliseconds, ULONG alertable);
IMPORT ULONG WaitForMultipleObjectsEx(ULONG count, void** objects, ULONG all, ULONG milliseconds,
                                      ULONG alertable);

// What the threads wait for: addresses of the kernel's events stand in for handles.
EXPORT_DATA void* Handles[4];

FRAME ULONG ReadLine(UCHAR* line, ULONG length) {
  LOCALS(0x40);
  ULONG read = 0;
  while (read == 0)
    if (!ReadFile(Handles[0], line, length, &read, NULL)) return 0;
  line[read - 1] = 0;
  return read;
}

FRAME ULONG Main(void) {
  UCHAR line[256];
  ULONG total = 0;
  for (ULONG read; (read = ReadLine(line, sizeof line)) != 0;) total += read + line[0];
  return total;
}

EXPORT ULONG mainCRTStartup(void* argument) {
  LOCALS(0x30);
  ULONG result = Main();
  __asm__ volatile("" : : "r"(argument));
  return result + 1;
}

FRAME ULONG WaitForWork(void** objects, ULONG count) {
  ULONG which = 0;
  while (which < count) which = WaitForMultipleObjectsEx(count, objects, 0, 0xffffffff, 0) + 1;
  return which;
}

EXPORT ULONG FinalizerThread(void* argument) {
  LOCALS(0x88);
  void* objects[3] = {Handles[1], Handles[2], argument};
  return WaitForWork(objects, 3) + 2;
}

EXPORT ULONG WaiterThread(void* argument) {
  LOCALS(0x20);
  ULONG result;
  do {
    result = WaitForSingleObjectEx(argument, 0xffffffff, 1);
  } while (result == 0xc0);
  return result + 3;
}
