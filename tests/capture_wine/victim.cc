// A program to be looked at: named threads, each a known chain of calls deep. It says who they are,
// and when asked how often each is suspended and how far it counted.
#include <windows.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr int kThreads = 5;

struct Worker {
  HANDLE handle = nullptr;
  DWORD id = 0;
  volatile std::uint32_t count = 0;
  std::uint64_t marker = 0;  // what its innermost frame keeps on the stack
};
std::array<Worker, kThreads> workers;

using Describe = HRESULT(WINAPI*)(HANDLE, const wchar_t*);

void describe(int i) {
  Describe describe = nullptr;
  const FARPROC address =
      ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), "SetThreadDescription");
  std::memcpy(&describe, &address, sizeof describe);
  const std::wstring name = L"worker " + std::to_wstring(i);
  if (describe) describe(::GetCurrentThread(), name.c_str());
}

// The counts before and after, with none left behind.
int suspend_count(HANDLE thread) {
  const DWORD before = ::SuspendThread(thread);
  ::ResumeThread(thread);
  return static_cast<int>(before);
}

}  // namespace

extern "C" {

__attribute__((noinline)) void victim_inner(Worker* worker) {
  volatile std::uint64_t marker[4] = {worker->marker, 0, worker->marker, 0};
  while (marker[0] != 0) {
    worker->count = worker->count + 1;
    ::Sleep(5);
  }
}

__attribute__((noinline)) void victim_middle(Worker* worker) {
  victim_inner(worker);
  asm volatile("" ::: "memory");
}

__attribute__((noinline)) void victim_outer(Worker* worker) {
  victim_middle(worker);
  asm volatile("" ::: "memory");
}

DWORD WINAPI victim_thread(void* parameter) {
  auto* worker = static_cast<Worker*>(parameter);
  describe(static_cast<int>(worker - workers.data()));
  victim_outer(worker);
  return 0;
}
}

int main() {
  for (int i = 0; i < kThreads; ++i) {
    workers[i].marker = 0x1122334455660000 + static_cast<std::uint64_t>(i);
    workers[i].handle = ::CreateThread(nullptr, 0, victim_thread, &workers[i], 0, &workers[i].id);
  }
  for (const Worker& worker : workers)
    while (worker.count < 2) ::Sleep(1);
  std::printf("ready %lu", ::GetCurrentProcessId());
  for (const Worker& worker : workers) std::printf(" %lu", worker.id);
  std::printf("\n");
  std::fflush(stdout);
  char line[64];
  while (std::fgets(line, sizeof line, stdin)) {
    for (const Worker& worker : workers)
      std::printf("%d %u ", suspend_count(worker.handle), worker.count);
    std::printf("\n");
    std::fflush(stdout);
  }
  return 0;
}
