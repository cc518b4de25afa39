// Every NTSTATUS that the calls of a capture return, as a sentence with its remedy. What one means
// goes by the call: from the published behaviour of NtSystemDebugControl, NtOpenThread and the
// others.
#pragma once

#include <string>

#include "capture/system.h"

namespace ntstack::capture {

inline constexpr Status kTimeout = 0x102;
inline constexpr Status kMoreEntries = 0x105;     // a live dump that is whole but for some pages
inline constexpr Status kNotAllAssigned = 0x106;  // of a privilege that the account lacks
inline constexpr Status kUnsuccessful = 0xc0000001;
inline constexpr Status kNotImplemented = 0xc0000002;
inline constexpr Status kInvalidInfoClass = 0xc0000003;
inline constexpr Status kInfoLengthMismatch = 0xc0000004;
inline constexpr Status kAccessViolation = 0xc0000005;
inline constexpr Status kInvalidHandle = 0xc0000008;
inline constexpr Status kInvalidCid = 0xc000000b;
inline constexpr Status kInvalidParameter = 0xc000000d;
inline constexpr Status kNoMemory = 0xc0000017;
inline constexpr Status kAccessDenied = 0xc0000022;
inline constexpr Status kObjectTypeMismatch = 0xc0000024;
inline constexpr Status kObjectNameCollision = 0xc0000035;
inline constexpr Status kThreadIsTerminating = 0xc000004b;
inline constexpr Status kPrivilegeNotHeld = 0xc0000061;
inline constexpr Status kDiskFull = 0xc000007f;
inline constexpr Status kInsufficientResources = 0xc000009a;
inline constexpr Status kNotSupported = 0xc00000bb;
inline constexpr Status kProcessIsTerminating = 0xc000010a;
inline constexpr Status kCancelled = 0xc0000120;
inline constexpr Status kRetry = 0xc000022d;
inline constexpr Status kRequestAborted = 0xc0000240;
inline constexpr Status kDebuggerInactive = 0xc0000354;
inline constexpr Status kContentBlocked = 0xc0000804;

// NTSTATUS_FROM_WIN32: what GetLastError said.
constexpr Status status_of_win32(std::uint32_t error) { return 0xc0070000 | (error & 0xffff); }

enum class Call : std::uint8_t {
  triage_dump,      // NtSystemDebugControl(29) as a whole
  captured_thread,  // what 29 says of one of its threads
  live_dump,        // NtSystemDebugControl(37)
  open_thread,
  open_process,
  identify_thread,
  list_processes,
  own_handles,
  privilege,  // turning SeDebugPrivilege on
  create_file,
  open_driver,     // ntstack's own device
  driver_request,  // what it is asked
  driver_thread,   // what it says of a thread
  driver_crash,
  driver_service,  // installing, starting and so on: NTSTATUS_FROM_WIN32
  other
};

// "STATUS_DEBUGGER_INACTIVE"; "" where the table has none.
std::string_view status_name(Status status);
// "STATUS_DEBUGGER_INACTIVE (0xc0000354)"; "status 0xc0001234" where it has no name here.
std::string status_label(Status status);
// A sentence without a full stop: what it means of this call, what to do, and the label in
// brackets.
std::string status_text(Status status, Call call);

}  // namespace ntstack::capture
