#include "capture/windows/threads.h"

#include <cstring>

#include "capture/native_layout.h"
#include "capture/windows/ntdll.h"
#include "capture/windows/text.h"

namespace ntstack::capture::windows {
namespace {

constexpr std::uint32_t kStillRunning = 0x103;  // STATUS_PENDING, a thread's exit status till then

HANDLE id_of(std::uint32_t id) { return native_handle(id); }

std::expected<Handle, Status> open(const char* function, const ClientId& id, std::uint32_t access) {
  const ObjectAttributes attributes;
  HANDLE handle = nullptr;
  const Status status =
      call_ntdll<ntdll::OpenProcess>(function, &handle, ULONG{access}, &attributes, &id);
  if (!succeeded(status)) return std::unexpected(status);
  return handle_of(handle);
}

template <class T>
Status query(Handle thread, std::uint32_t information, T& answer) {
  return call_ntdll<ntdll::QueryInformationThread>("NtQueryInformationThread",
                                                   native_handle(thread), ULONG{information},
                                                   &answer, ULONG{sizeof answer}, nullptr);
}

#ifdef _WIN64
Status add_wow64_context(Handle thread, std::vector<std::byte>& to) {
  using Get = BOOL(WINAPI*)(HANDLE, WOW64_CONTEXT*);
  const auto get = function_of<Get>(L"kernel32.dll", "Wow64GetThreadContext");
  if (!get) return kNotThere;
  WOW64_CONTEXT context{};
  context.ContextFlags = WOW64_CONTEXT_FULL | WOW64_CONTEXT_SEGMENTS;
  if (!get(native_handle(thread), &context)) return status_of_error(::GetLastError());
  to.resize(sizeof context);
  std::memcpy(to.data(), &context, sizeof context);
  return kSuccess;
}
#endif

}  // namespace

std::expected<Handle, Status> open_process(std::uint32_t id, std::uint32_t access) {
  return open("NtOpenProcess", {id_of(id), nullptr}, access);
}

std::expected<Handle, Status> open_thread(std::uint32_t id, std::uint32_t access) {
  return open("NtOpenThread", {nullptr, id_of(id)}, access);
}

std::expected<ThreadIdentity, Status> identify_thread(Handle thread) {
  native::ThreadBasic<std::uintptr_t> basic;
  if (const Status status = query(thread, native::kThreadBasic, basic); !succeeded(status))
    return std::unexpected(status);
  native::Times times;
  if (const Status status = query(thread, native::kThreadTimes, times); !succeeded(status))
    return std::unexpected(status);
  return ThreadIdentity{static_cast<std::uint32_t>(basic.thread_id),
                        static_cast<std::uint32_t>(basic.process_id), times.create_time,
                        basic.exit_status != kStillRunning};
}

std::string thread_name(Handle thread) {
  using Get = HRESULT(WINAPI*)(HANDLE, wchar_t**);
  const auto get = function_of<Get>(L"kernel32.dll", "GetThreadDescription");
  wchar_t* text = nullptr;
  if (!get || get(native_handle(thread), &text) < 0 || !text) return "";
  std::string result = utf8(text);
  ::LocalFree(text);
  return result;
}

std::expected<ThreadContext, Status> thread_context(Handle thread, bool wow64) {
  alignas(16) CONTEXT context{};
  context.ContextFlags = CONTEXT_FULL;
#ifdef CONTEXT_SEGMENTS
  context.ContextFlags |= CONTEXT_SEGMENTS;
#endif
  const Status status =
      call_ntdll<ntdll::GetContextThread>("NtGetContextThread", native_handle(thread), &context);
  if (!succeeded(status)) return std::unexpected(status);
  ThreadContext result;
  result.native.resize(sizeof context);
  std::memcpy(result.native.data(), &context, sizeof context);
#ifdef _WIN64
  if (wow64) add_wow64_context(thread, result.wow64);
#else
  static_cast<void>(wow64);
#endif
  return result;
}

// A state change ends with its handle, and so with this process; then the system undoes it.
Status Suspensions::suspend(Handle thread) {
  constexpr ULONG kThreadStateChangeState = 1;  // the access right
  constexpr ULONG kSuspend = 0;
  const ObjectAttributes attributes;
  HANDLE change = nullptr;
  if (!state_changes_.contains(thread) &&
      succeeded(call_ntdll<ntdll::CreateThreadStateChange>("NtCreateThreadStateChange", &change,
                                                           kThreadStateChangeState, &attributes,
                                                           native_handle(thread), ULONG64{0}))) {
    const Status status =
        call_ntdll<ntdll::ChangeThreadState>("NtChangeThreadState", change, native_handle(thread),
                                             kSuspend, nullptr, SIZE_T{0}, ULONG64{0});
    if (succeeded(status)) {
      state_changes_.emplace(thread, handle_of(change));
      return status;
    }
    ::CloseHandle(change);
  }
  return call_ntdll<ntdll::SuspendThread>("NtSuspendThread", native_handle(thread), nullptr);
}

Status Suspensions::resume(Handle thread) {
  const auto change = state_changes_.find(thread);
  if (change == state_changes_.end())
    return call_ntdll<ntdll::SuspendThread>("NtResumeThread", native_handle(thread), nullptr);
  const bool closed = ::CloseHandle(native_handle(change->second)) != 0;
  state_changes_.erase(change);
  return closed ? kSuccess : status_of_error(::GetLastError());
}

}  // namespace ntstack::capture::windows
