/* Critical sections of a process under Windows or Wine: one that a thread holds while two wait for it, and two that two
   threads hold and want of each other. Writes a dump of itself, and what is so. */
#include <windows.h>
/**/
#include <dbghelp.h>
#include <stdio.h>

static CRITICAL_SECTION held, first, second;
static HANDLE holds, has_first, has_second;

static DWORD WINAPI hold(void* unused) {
  (void)unused;
  EnterCriticalSection(&held);
  SetEvent(holds);
  Sleep(INFINITE);
  return 0;
}
static DWORD WINAPI want(void* unused) {
  (void)unused;
  EnterCriticalSection(&held);
  return 0;
}
static DWORD WINAPI want_second(void* unused) {
  (void)unused;
  EnterCriticalSection(&first);
  SetEvent(has_first);
  WaitForSingleObject(has_second, INFINITE);
  EnterCriticalSection(&second);
  return 0;
}
static DWORD WINAPI want_first(void* unused) {
  (void)unused;
  EnterCriticalSection(&second);
  SetEvent(has_second);
  WaitForSingleObject(has_first, INFINITE);
  EnterCriticalSection(&first);
  return 0;
}

/* Waits until somebody waits for the section: each that does takes 4 off LockCount, or adds 1, as the system has it. */
static void wait_for_waiters(const CRITICAL_SECTION* section, LONG alone) {
  int i;
  for (i = 0; i < 2000 && *(volatile const LONG*)&section->LockCount == alone; ++i) Sleep(5);
}

int main(int argc, char** argv) {
  DWORD ids[5];
  HANDLE file;
  LONG alone;
  BOOL done;
  if (argc < 2) return 2;
  InitializeCriticalSection(&held);
  InitializeCriticalSection(&first);
  InitializeCriticalSection(&second);
  holds = CreateEventA(NULL, TRUE, FALSE, NULL);
  has_first = CreateEventA(NULL, TRUE, FALSE, NULL);
  has_second = CreateEventA(NULL, TRUE, FALSE, NULL);
  CreateThread(NULL, 0, hold, NULL, 0, &ids[0]);
  WaitForSingleObject(holds, INFINITE);
  alone = held.LockCount;
  CreateThread(NULL, 0, want, NULL, 0, &ids[1]);
  wait_for_waiters(&held, alone);
  alone = held.LockCount;
  CreateThread(NULL, 0, want, NULL, 0, &ids[2]);
  wait_for_waiters(&held, alone);
  alone = held.LockCount;
  CreateThread(NULL, 0, want_second, NULL, 0, &ids[3]);
  CreateThread(NULL, 0, want_first, NULL, 0, &ids[4]);
  Sleep(1000); /* both are in their second one: nothing tells when */
  file = CreateFileA(argv[1], GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
  done = MiniDumpWriteDump(GetCurrentProcess(), GetCurrentProcessId(), file, MiniDumpWithFullMemory, NULL, NULL, NULL);
  CloseHandle(file);
  printf("{\"held\": \"0x%llx\", \"holder\": %lu, \"waiters\": [%lu, %lu], \"first\": \"0x%llx\", \"second\": \"0x%llx\", "
         "\"has_first\": %lu, \"has_second\": %lu}\n",
         (unsigned long long)(ULONG_PTR)&held, ids[0], ids[1], ids[2], (unsigned long long)(ULONG_PTR)&first,
         (unsigned long long)(ULONG_PTR)&second, ids[3], ids[4]);
  fflush(stdout);
  ExitProcess(done ? 0 : 1);
}
