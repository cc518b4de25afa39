// ntstack_selftest.exe DRIVER: installs the driver under a name of its own, tries every path of it
// on this machine, and takes it away again. Each line is PASS, FAIL or SKIP with its reason; the
// exit code is the number of FAIL lines. Needs an elevated prompt and a driver that this machine
// loads (docs/driver.md). What a program can't do (a thread that is attached or takes no APC) the
// driver's own self-test does.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "driver/selftest/service.h"

namespace ntstack::driver::selftest {
namespace {

constexpr std::uint32_t kTimedOut = 0x102, kEnds = 0xc000004b, kDenied = 0xc0000022;
constexpr DWORD kAccess = THREAD_QUERY_LIMITED_INFORMATION | THREAD_GET_CONTEXT;

int failures;

void check(bool is_good, const char* name, const std::string& what = {}) {
  std::printf("%s %s%s%s\n", is_good ? "PASS" : "FAIL", name, what.empty() ? "" : ": ",
              what.c_str());
  if (!is_good) ++failures;
}
void skip(const char* name, const char* why) { std::printf("SKIP %s: %s\n", name, why); }

bool is_wine() { return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version"); }

std::string hex(std::uint32_t number) {
  char text[16];
  std::snprintf(text, sizeof(text), "%08x", static_cast<unsigned>(number));
  return text;
}

struct Answer {
  DWORD error = 0;  // of the call
  std::vector<std::byte> bytes;
  ThreadOut thread(std::size_t i) const {
    ThreadOut out;
    std::memcpy(&out, bytes.data() + sizeof(CaptureOut) + i * sizeof(out), sizeof(out));
    return out;
  }
};

// Without handles: the calling thread.
Answer capture(HANDLE device, const std::vector<HANDLE>& threads, std::uint32_t milliseconds) {
  constexpr std::uint32_t kFrames = 128, kStackBytes = 0x8000;
  const auto count = static_cast<std::uint32_t>(threads.size());
  const CaptureIn head{
      sizeof(CaptureIn), kVersion,   count == 0 ? kOfCallingThread : 0, count, milliseconds, 0,
      kFrames,           kStackBytes};
  std::vector<std::byte> in(sizeof(head) + 8 * threads.size());
  std::memcpy(in.data(), &head, sizeof(head));
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const auto handle = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(threads[i]));
    std::memcpy(in.data() + sizeof(head) + 8 * i, &handle, 8);
  }
  Answer answer;
  answer.bytes.resize(bytes_of_capture(count == 0 ? 1 : count, kFrames, kStackBytes));
  DWORD returned = 0;
  if (!DeviceIoControl(device, kControlCapture, in.data(), static_cast<DWORD>(in.size()),
                       answer.bytes.data(), static_cast<DWORD>(answer.bytes.size()), &returned,
                       nullptr))
    answer.error = GetLastError();
  return answer;
}

// The stack is the thread's, whole, and the kernel's walk of it fits its bytes.
std::string fault_of(const Answer& answer, std::size_t i) {
  const ThreadOut out = answer.thread(i);
  if (out.status != 0) return "status " + hex(out.status);
  if (out.registers.sp < out.stack_low || out.registers.sp >= out.stack_high)
    return "its stack pointer is not in its stack";
  if (out.stack_size != out.stack_high - out.registers.sp && !(out.flags & kStackCut))
    return "its stack is not whole";
  if (out.frame_count < 3) return "fewer than three frames";
  if (out.registers.ip >> 47 == 0) return "its registers are not the kernel's";
  std::uint64_t first = 0;
  std::memcpy(&first, answer.bytes.data() + out.frames_offset, 8);
  return first == out.registers.ip ? "" : "the walk does not begin where the registers are";
}

// A thread of this process that waits until it is told to end, and a handle of it with `access`.
class Waiting {
 public:
  explicit Waiting(DWORD access = kAccess) : event_(CreateEventA(nullptr, TRUE, FALSE, nullptr)) {
    DWORD id = 0;
    thread_ = CreateThread(nullptr, 0, &live, event_, 0, &id);
    Sleep(20);
    handle_ = OpenThread(access, FALSE, id);
  }
  ~Waiting() {
    end();
    for (const HANDLE handle : {handle_, thread_, event_}) CloseHandle(handle);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  HANDLE handle() const { return handle_; }
  HANDLE full_handle() const { return thread_; }
  void end() {
    SetEvent(event_);
    WaitForSingleObject(thread_, INFINITE);
  }

 private:
  static DWORD WINAPI live(void* event) { return WaitForSingleObject(event, INFINITE); }

  HANDLE event_, thread_ = nullptr, handle_ = nullptr;
};

void test_own_thread(HANDLE device) {
  const Answer answer = capture(device, {}, 1000);
  if (answer.error != 0) return check(false, "own thread", "error " + std::to_string(answer.error));
  std::string fault = fault_of(answer, 0);
  if (is_wine() && fault == "its registers are not the kernel's") fault.clear();
  check(fault.empty(), "own thread", fault);
}

void test_waiting_thread(HANDLE device) {
  Waiting waiting;
  const Answer answer = capture(device, {waiting.handle()}, 1000);
  check(answer.error == 0 && fault_of(answer, 0).empty(), "waiting thread", fault_of(answer, 0));
}

// A suspended thread waits in the kernel, and its APCs are delivered all the same.
void test_suspended_thread(HANDLE device) {
  Waiting waiting;
  SuspendThread(waiting.full_handle());
  const Answer answer = capture(device, {waiting.handle()}, 1000);
  ResumeThread(waiting.full_handle());
  check(answer.error == 0 && fault_of(answer, 0).empty(), "suspended thread", fault_of(answer, 0));
}

void test_ended_thread(HANDLE device) {
  Waiting waiting;
  waiting.end();
  const Answer answer = capture(device, {waiting.handle()}, 1000);
  check(answer.error == 0 && answer.thread(0).status == kEnds, "thread that has ended",
        hex(answer.thread(0).status));
}

void test_ending_threads(HANDLE device) {
  for (int i = 0; i < 500; ++i) {
    Waiting waiting;
    std::thread other([&] { waiting.end(); });
    const Answer answer = capture(device, {waiting.handle()}, 1000);
    other.join();
    const std::uint32_t status = answer.thread(0).status;
    if (answer.error != 0 || (status != 0 && status != kEnds))
      return check(false, "exiting thread", hex(status));
  }
  check(true, "exiting thread");
}

void test_refused_handles(HANDLE device) {
  Waiting waiting, poor(SYNCHRONIZE);
  const HANDLE event = CreateEventA(nullptr, TRUE, FALSE, nullptr);
  const Answer answer = capture(
      device, {poor.handle(), event, reinterpret_cast<HANDLE>(0x7777777), waiting.handle()}, 1000);
  CloseHandle(event);
  check(answer.thread(0).status == kDenied, "a handle without the access",
        hex(answer.thread(0).status));
  check(answer.thread(1).status == 0xc0000024, "a handle of another type",
        hex(answer.thread(1).status));
  check(answer.thread(2).status == 0xc0000008, "a handle that is none",
        hex(answer.thread(2).status));
  check(fault_of(answer, 3).empty(), "and the thread beside them", fault_of(answer, 3));
}

// As many as a call takes, once with time enough and once with a millisecond for all.
void test_deadline(HANDLE device) {
  std::vector<std::unique_ptr<Waiting>> all;
  std::vector<HANDLE> handles;
  for (std::uint32_t i = 0; i < kMostThreads; ++i) {
    all.push_back(std::make_unique<Waiting>());
    handles.push_back(all.back()->handle());
  }
  Answer answer = capture(device, handles, 10000);
  std::string fault = answer.error == 0 ? "" : "error " + std::to_string(answer.error);
  for (std::size_t i = 0; fault.empty() && i < handles.size(); ++i) fault = fault_of(answer, i);
  check(fault.empty(), "512 threads in one call", fault);
  const ULONGLONG began = GetTickCount64();
  answer = capture(device, handles, 1);
  const ULONGLONG took = GetTickCount64() - began;
  fault = answer.error == 0 ? "" : "error " + std::to_string(answer.error);
  for (std::size_t i = 0; fault.empty() && i < handles.size(); ++i)
    if (answer.thread(i).status != kTimedOut) fault = fault_of(answer, i);
  check(fault.empty() && took < 5000, "deadline", fault.empty() ? std::to_string(took) : fault);
}

// From another thread, as Ctrl-C does.
void test_cancel(HANDLE device) {
  std::vector<std::unique_ptr<Waiting>> all;
  std::vector<HANDLE> handles;
  for (int i = 0; i < 200; ++i) {
    all.push_back(std::make_unique<Waiting>());
    handles.push_back(all.back()->handle());
  }
  for (int i = 0; i < 200; ++i) {
    const HANDLE self = OpenThread(THREAD_ALL_ACCESS, FALSE, GetCurrentThreadId());
    std::thread other([&] { CancelSynchronousIo(self); });
    const Answer answer = capture(device, handles, 5000);
    other.join();
    CloseHandle(self);
    if (answer.error != 0 && answer.error != ERROR_OPERATION_ABORTED)
      return check(false, "cancelled call", "error " + std::to_string(answer.error));
  }
  check(true, "cancelled call");
}

bool wait_for_none_abandoned(HANDLE device) {
  for (int i = 0; i < 100; ++i) {
    QueryOut out{};
    DWORD returned = 0;
    DeviceIoControl(device, kControlQuery, nullptr, 0, &out, sizeof(out), &returned, nullptr);
    if (returned == sizeof(out) && out.abandoned == 0) return true;
    Sleep(50);
  }
  return false;
}

// A second process of this program, which captures without end, is killed again and again.
void test_killed_client(HANDLE device, const char* program) {
  for (int i = 0; i < 20; ++i) {
    STARTUPINFOA startup{};
    startup.cb = sizeof(startup);
    PROCESS_INFORMATION process{};
    std::string command = "\"" + std::string(program) + "\" --capture-for-ever";
    if (!CreateProcessA(nullptr, command.data(), nullptr, nullptr, FALSE, 0, nullptr, nullptr,
                        &startup, &process))
      return check(false, "client that is killed", "it did not start");
    Sleep(100);
    TerminateProcess(process.hProcess, 1);
    const bool ended = WaitForSingleObject(process.hProcess, 10000) == WAIT_OBJECT_0;
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    if (!ended) return check(false, "client that is killed", "it does not end");
  }
  check(wait_for_none_abandoned(device), "client that is killed");
}

int capture_for_ever() {
  set_debug_privilege(true);
  const HANDLE device = open_device();
  std::vector<std::unique_ptr<Waiting>> all;
  std::vector<HANDLE> handles;
  for (int i = 0; i < 100; ++i) {
    all.push_back(std::make_unique<Waiting>());
    handles.push_back(all.back()->handle());
  }
  for (;;) capture(device, handles, 1);
}

void test_privilege(HANDLE device) {
  set_debug_privilege(false);
  QueryOut out{};
  DWORD returned = 0;
  const bool answered =
      DeviceIoControl(device, kControlQuery, nullptr, 0, &out, sizeof(out), &returned, nullptr);
  check(!answered && GetLastError() == ERROR_PRIVILEGE_NOT_HELD,
        "an open handle without SeDebugPrivilege");
  const HANDLE other = open_device();
  check(other == INVALID_HANDLE_VALUE, "opening without SeDebugPrivilege");
  if (other != INVALID_HANDLE_VALUE) CloseHandle(other);
  set_debug_privilege(true);
}

// Threads capture with the shortest deadline while the service is stopped under them, which ends it
// as soon as the last of them lets go of the device.
void test_unload(Service& service) {
  // Wine's next start takes ten seconds where the last driver is not gone yet.
  const int times = is_wine() ? 3 : 100;
  for (int i = 0; i < times; ++i) {
    std::atomic<bool> stop = false;
    std::vector<std::thread> clients;
    for (int j = 0; j < 4; ++j)
      clients.emplace_back([&] {
        Waiting waiting;
        while (!stop) {
          const HANDLE device = open_device();
          if (device == INVALID_HANDLE_VALUE) continue;
          if (is_wine())
            capture(device, {}, 1);
          else
            capture(device, {waiting.handle(), waiting.handle()}, 1);
          CloseHandle(device);
        }
      });
    Sleep(10);
    service.stop();
    stop = true;
    for (std::thread& client : clients) client.join();
    const DWORD error = service.start_at_last();
    if (error != 0) return check(false, "unload during capture", "error " + std::to_string(error));
  }
  check(true, "unload during capture");
}

void test_threads(HANDLE device, const char* program) {
  if (is_wine())
    return skip("threads by their handles, privilege",
                "Wine's drivers know no handles of threads, and Wine grants every privilege");
  test_waiting_thread(device);
  test_suspended_thread(device);
  test_ended_thread(device);
  test_ending_threads(device);
  test_refused_handles(device);
  test_deadline(device);
  test_cancel(device);
  test_killed_client(device, program);
  test_privilege(device);
}

int run(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--capture-for-ever") == 0) return capture_for_ever();
  if (argc != 2) {
    std::printf("ntstack_selftest.exe DRIVER (a full path)\n");
    return 2;
  }
  Service service(argv[1], "ntstack_selftest");
  const DWORD error = service ? service.start_at_last() : GetLastError();
  check(error == 0, "the driver starts", error == 0 ? "" : "error " + std::to_string(error));
  if (error != 0) return failures;
  check(set_debug_privilege(true), "SeDebugPrivilege");
  HANDLE device = open_device();
  check(device != INVALID_HANDLE_VALUE, "the device opens");
  if (device == INVALID_HANDLE_VALUE) return failures;
  test_own_thread(device);
  skip("attached thread", "only in the kernel: the driver's own self-test does");
  test_threads(device, argv[0]);
  check(wait_for_none_abandoned(device), "nothing is left behind");
  CloseHandle(device);
  test_unload(service);
  std::printf("%d failures\n", failures);
  return failures;
}

}  // namespace
}  // namespace ntstack::driver::selftest

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  return ntstack::driver::selftest::run(argc, argv);
}
