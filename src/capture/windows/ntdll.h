// The functions of ntdll that are used, declared here: headers know only some of them, and import
// libraries fewer. One that this Windows lacks answers kNotThere.
#pragma once

#include <windows.h>

#include <cstdint>

#include "capture/system.h"
#include "capture/windows/library.h"

namespace ntstack::capture::windows {

inline constexpr Status kNotThere = 0xc000007a;  // STATUS_PROCEDURE_NOT_FOUND

// OBJECT_ATTRIBUTES of an object without a name, and CLIENT_ID.
struct ObjectAttributes {
  std::uint32_t length = sizeof(ObjectAttributes);
  void* root = nullptr;
  void* name = nullptr;
  std::uint32_t attributes = 0;
  void* security_descriptor = nullptr;
  void* security_quality = nullptr;
};
struct ClientId {
  HANDLE process = nullptr, thread = nullptr;
};
#ifdef _WIN64
static_assert(sizeof(ObjectAttributes) == 0x30 && sizeof(ClientId) == 0x10);
#else
static_assert(sizeof(ObjectAttributes) == 0x18 && sizeof(ClientId) == 0x8);
#endif

namespace ntdll {

using OpenProcess = LONG(NTAPI*)(HANDLE*, ULONG access, const ObjectAttributes*, const ClientId*);
using OpenThread = OpenProcess;
using QuerySystemInformation = LONG(NTAPI*)(ULONG information, void*, ULONG size, ULONG* returned);
using QueryInformationThread = LONG(NTAPI*)(HANDLE, ULONG information, void*, ULONG size,
                                            ULONG* returned);
using SystemDebugControl = LONG(NTAPI*)(ULONG command, void* in, ULONG in_size, void* out,
                                        ULONG out_size, ULONG* returned);
using SuspendThread = LONG(NTAPI*)(HANDLE, ULONG* count_before);
using GetContextThread = LONG(NTAPI*)(HANDLE, CONTEXT*);
using ReadVirtualMemory = LONG(NTAPI*)(HANDLE, const void* address, void* to, SIZE_T size,
                                       SIZE_T* read);
using QueryVirtualMemory = LONG(NTAPI*)(HANDLE, const void* address, ULONG information, void*,
                                        SIZE_T size, SIZE_T* returned);
using GetVersion = LONG(NTAPI*)(OSVERSIONINFOEXW*);
// Since Windows 11; ntdoc's NtCreateThreadStateChange and NtChangeThreadState.
using CreateThreadStateChange = LONG(NTAPI*)(HANDLE*, ULONG access, const ObjectAttributes*,
                                             HANDLE thread, ULONG64 reserved);
using ChangeThreadState = LONG(NTAPI*)(HANDLE state_change, HANDLE thread, ULONG action, void*,
                                       SIZE_T size, ULONG64 reserved);

}  // namespace ntdll

// Calls ntdll's function of that name.
template <class Function, class... Arguments>
Status call_ntdll(const char* name, Arguments... arguments) {
  const auto function = function_of<Function>(L"ntdll.dll", name);
  return function ? static_cast<Status>(function(arguments...)) : kNotThere;
}

inline HANDLE native_handle(Handle handle) {
  return reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(handle));
}
inline Handle handle_of(HANDLE handle) { return reinterpret_cast<std::uintptr_t>(handle); }

// NTSTATUS_FROM_WIN32: what GetLastError said, as a Status.
inline Status status_of_error(DWORD error) { return 0xc0070000 | (error & 0xffff); }

}  // namespace ntstack::capture::windows
