#include "capture/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "capture/status_meaning.h"

namespace ntstack::capture {
namespace {

struct Name {
  Status status;
  std::string_view name;
};
constexpr Name kNames[] = {{kSuccess, "STATUS_SUCCESS"},
                           {kTimeout, "STATUS_TIMEOUT"},
                           {kMoreEntries, "STATUS_MORE_ENTRIES"},
                           {kNotAllAssigned, "STATUS_NOT_ALL_ASSIGNED"},
                           {kUnsuccessful, "STATUS_UNSUCCESSFUL"},
                           {kNotImplemented, "STATUS_NOT_IMPLEMENTED"},
                           {kInvalidInfoClass, "STATUS_INVALID_INFO_CLASS"},
                           {kInfoLengthMismatch, "STATUS_INFO_LENGTH_MISMATCH"},
                           {kAccessViolation, "STATUS_ACCESS_VIOLATION"},
                           {kInvalidHandle, "STATUS_INVALID_HANDLE"},
                           {kInvalidCid, "STATUS_INVALID_CID"},
                           {kInvalidParameter, "STATUS_INVALID_PARAMETER"},
                           {kNoMemory, "STATUS_NO_MEMORY"},
                           {kAccessDenied, "STATUS_ACCESS_DENIED"},
                           {kObjectTypeMismatch, "STATUS_OBJECT_TYPE_MISMATCH"},
                           {kObjectNameCollision, "STATUS_OBJECT_NAME_COLLISION"},
                           {kThreadIsTerminating, "STATUS_THREAD_IS_TERMINATING"},
                           {kPrivilegeNotHeld, "STATUS_PRIVILEGE_NOT_HELD"},
                           {kDiskFull, "STATUS_DISK_FULL"},
                           {kInsufficientResources, "STATUS_INSUFFICIENT_RESOURCES"},
                           {kNotSupported, "STATUS_NOT_SUPPORTED"},
                           {kProcessIsTerminating, "STATUS_PROCESS_IS_TERMINATING"},
                           {kCancelled, "STATUS_CANCELLED"},
                           {kRetry, "STATUS_RETRY"},
                           {kRequestAborted, "STATUS_REQUEST_ABORTED"},
                           {kDebuggerInactive, "STATUS_DEBUGGER_INACTIVE"},
                           {kContentBlocked, "STATUS_CONTENT_BLOCKED"},
                           {0x80000002, "STATUS_DATATYPE_MISALIGNMENT"},
                           {0xc000000e, "STATUS_NO_SUCH_DEVICE"},
                           {0xc0000010, "STATUS_INVALID_DEVICE_REQUEST"},
                           {0xc0000059, "STATUS_REVISION_MISMATCH"},
                           {0xc00000a3, "STATUS_DEVICE_NOT_READY"},
                           {0xc0000034, "STATUS_OBJECT_NAME_NOT_FOUND"},
                           {0xc000003a, "STATUS_OBJECT_PATH_NOT_FOUND"},
                           {0xc0000043, "STATUS_SHARING_VIOLATION"},
                           {0xc0000023, "STATUS_BUFFER_TOO_SMALL"}};

constexpr std::string_view kNoStructure =
    "this Windows takes the request in another form than is known here; capture a live dump "
    "instead, and report the build of Windows";

constexpr Meaning kMeanings[] = {
    // NtSystemDebugControl(29).
    {Call::triage_dump, kAccessDenied,
     "Windows refused the triage dump: SeDebugPrivilege is not on (start from an elevated prompt "
     "of "
     "an account that has it), or this runs inside a process-isolated container (run it on the "
     "host), or every thread's handle was refused, as those of a protected process are (capture a "
     "live dump)"},
    {Call::triage_dump, kNotImplemented,
     "this system has no triage dumps of live processes (Wine has none; Windows has them since "
     "Vista); nothing can be captured here"},
    {Call::triage_dump, kInvalidInfoClass,
     "this Windows does not know triage dumps of live processes (they came with Vista and Server "
     "2008)"},
    {Call::triage_dump, kInfoLengthMismatch, kNoStructure},
    {Call::triage_dump, kInvalidParameter, kNoStructure},
    {Call::triage_dump, kNoMemory,
     "Windows had no megabyte of nonpaged pool for the dump; try again when the machine has more "
     "memory free, or capture a live dump"},
    {Call::triage_dump, kInsufficientResources,
     "Windows had not enough memory for the dump; try again when the machine has more memory free"},
    {Call::triage_dump, kUnsuccessful,
     "Windows could not put the dump together in the room that it has for one; ask for fewer "
     "threads, or capture a live dump"},
    {Call::triage_dump, kDebuggerInactive,
     "this Windows allows it only with local kernel debugging on (bcdedit /debug on, and a "
     "restart)"},
    {Call::triage_dump, kInvalidHandle, "a thread's handle was closed while the dump was made"},
    // One of its threads.
    {Call::captured_thread, kSuccess, "captured"},
    {Call::captured_thread, kTimeout,
     "it did not answer within 5 s: it runs with kernel APCs off, or not at all; a live dump has "
     "its stack"},
    {Call::captured_thread, kInsufficientResources, "no room was left for it in the dump"},
    {Call::captured_thread, kUnsuccessful,
     "Windows did not get to it, or it was about to end and took no kernel APC any more"},
    {Call::captured_thread, kAccessDenied,
     "its handle lacks rights that Windows wants (0x1fffff), as handles to threads of protected "
     "processes do; capture a live dump"},
    {Call::captured_thread, kInvalidHandle, "its handle was closed while the dump was made"},
    {Call::captured_thread, kObjectTypeMismatch, "its handle is no thread's"},
    {Call::captured_thread, kThreadIsTerminating, "it was about to end"},
    {Call::captured_thread, kAccessViolation,
     "what it does (its pending I/O) could not be read while it went on; capture it again"},
    // NtSystemDebugControl(37).
    {Call::live_dump, kMoreEntries, "the live dump was written, but some pages are not in it"},
    {Call::live_dump, kDebuggerInactive,
     "this Windows puts user pages into a live dump only with local kernel debugging on; leave "
     "them out, or turn it on (bcdedit /debug on, and a restart)"},
    {Call::live_dump, kAccessDenied,
     "Windows refused the live dump: SeDebugPrivilege is not on (start from an elevated prompt of "
     "an account that has it), or this runs inside a process-isolated container (run it on the "
     "host)"},
    {Call::live_dump, kContentBlocked,
     "live dumps are turned off on this machine: the registry value FullLiveReportsMax below "
     "HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl\\FullLiveKernelReports is 0; delete "
     "it "
     "or set it to 1 or more"},
    {Call::live_dump, kRetry, "another live dump is being written; try again when it is done"},
    {Call::live_dump, kNotSupported,
     "live dumps are off on this machine: a policy (ForceDumpsDisabled below CrashControl) or how "
     "it was started forbids them"},
    {Call::live_dump, kRequestAborted,
     "Windows gave the live dump up because memory is short; free memory, or allow it under memory "
     "pressure"},
    {Call::live_dump, kInsufficientResources,
     "Windows had not enough memory for the live dump; free memory, or capture kernel stacks only"},
    {Call::live_dump, kNoMemory,
     "Windows had not enough memory for the live dump; free memory, or capture kernel stacks only"},
    {Call::live_dump, kCancelled, "the live dump was cancelled"},
    {Call::live_dump, kInfoLengthMismatch,
     "this Windows does not know this form of the request: selective live dumps came with Windows "
     "11 and Server 2022"},
    {Call::live_dump, kInvalidParameter,
     "Windows does not take this combination: selective dumps can't have hypervisor pages, builds "
     "before Windows 11 know neither them nor nonessential hypervisor pages, and the file must be "
     "one that is written synchronously"},
    {Call::live_dump, kInvalidInfoClass,
     "this Windows does not know live dumps (they came with 8.1 and Server 2012 R2)"},
    {Call::live_dump, kNotImplemented,
     "this system has no live dumps (Wine has none; Windows has them since 8.1)"},
    {Call::live_dump, kDiskFull,
     "the disk is full; a live dump is as large as the memory that the kernel uses: write it to "
     "another disk, or capture kernel stacks only"},
    {Call::live_dump, kUnsuccessful,
     "Windows could not make the live dump and does not say why; its event log "
     "Microsoft-Windows-Kernel-LiveDump/Operational may"},
    // Handles.
    {Call::open_thread, kAccessDenied,
     "Windows gives no full access to it: the process is protected (or a part of the system), or "
     "SeDebugPrivilege is not on; capture a live dump"},
    {Call::open_thread, kInvalidCid, "it has ended"},
    {Call::open_thread, kInvalidParameter, "it has ended"},
    {Call::open_thread, kThreadIsTerminating, "it was about to end"},
    {Call::open_thread, kNoMemory, "Windows had no memory for a handle to it"},
    {Call::open_thread, kInsufficientResources, "Windows had no memory for a handle to it"},
    {Call::open_process, kAccessDenied,
     "Windows gives no access to the process: it is protected (or a part of the system), or "
     "SeDebugPrivilege is not on; start from an elevated prompt, or capture a live dump"},
    {Call::open_process, kInvalidCid, "the process has ended"},
    {Call::open_process, kInvalidParameter, "the process has ended"},
    {Call::open_process, kProcessIsTerminating, "the process was about to end"},
    {Call::identify_thread, kInvalidHandle, "its handle was closed"},
    {Call::identify_thread, kAccessDenied, "Windows does not tell which thread its handle is of"},
    {Call::list_processes, kAccessDenied, "Windows does not list the processes to this account"},
    {Call::list_processes, kInsufficientResources,
     "Windows had not enough memory to list the processes"},
    {Call::list_processes, kNoMemory, "there was not enough memory to list the processes"},
    {Call::list_processes, kInfoLengthMismatch,
     "the list of processes grew faster than it could be read; try again"},
    {Call::own_handles, kAccessDenied,
     "Windows does not list handles to this account; addresses of thread objects are read from "
     "the dumps"},
    {Call::own_handles, kInfoLengthMismatch,
     "the list of handles grew faster than it could be read; addresses of thread objects are read "
     "from the dumps"},
    {Call::privilege, kNotAllAssigned,
     "this account does not hold SeDebugPrivilege, which capturing needs: start from an elevated "
     "prompt (Run as administrator); where that does not help, a policy takes it from "
     "administrators (Local Policies, User Rights Assignment, Debug programs)"},
    {Call::privilege, kAccessDenied,
     "this process may not change its own privileges; start it from an elevated prompt"},
    {Call::create_file, kObjectNameCollision, "there is a file of that name"},
    {Call::create_file, kAccessDenied, "no file may be made there; name another folder with -o"},
    {Call::create_file, kDiskFull, "the disk is full; name another folder with -o"},
    {Call::create_file, 0xc000003a, "there is no such folder"}};

const Meaning* find(std::span<const Meaning> meanings, Call call, Status status) {
  const auto found = std::ranges::find_if(meanings, [&](const Meaning& meaning) {
    return meaning.call == call && meaning.status == status;
  });
  return found == meanings.end() ? nullptr : &*found;
}

// Where the call has no words of its own.
std::string_view general_meaning(Status status) {
  switch (status) {
    case kSuccess:
      return "it succeeded";
    case kAccessDenied:
    case kPrivilegeNotHeld:
    case kNotAllAssigned:
      return "Windows refused it; start from an elevated prompt (Run as administrator)";
    case kNoMemory:
    case kInsufficientResources:
      return "Windows had not enough memory";
    case kNotImplemented:
    case kNotSupported:
    case kInvalidInfoClass:
      return "this system does not have what is asked for";
    case kDiskFull:
      return "the disk is full";
    case kTimeout:
      return "it took too long";
    case kCancelled:
      return "it was cancelled";
    default:
      return "Windows refused it for a reason that is not known here";
  }
}

}  // namespace

std::string_view status_name(Status status) {
  const auto found = std::ranges::find(kNames, status, &Name::status);
  return found == std::end(kNames) ? std::string_view() : found->name;
}

std::string status_label(Status status) {
  const std::string_view name = status_name(status);
  return name.empty() ? fmt::format("status {:#x}", status)
                      : fmt::format("{} ({:#x})", name, status);
}

std::string status_text(Status status, Call call) {
  const Meaning* found = find(kMeanings, call, status);
  if (!found) found = find(driver_meanings(), call, status);
  const std::string_view text = found ? found->text : general_meaning(status);
  if (call == Call::driver_service && status >> 16 == 0xc007)
    return fmt::format("{} [Windows' error {}]", text, status & 0xffff);
  const std::string_view name = status_name(status);
  return name.empty() ? fmt::format("{} [status {:#x}]", text, status)
                      : fmt::format("{} [{}, {:#x}]", text, name, status);
}

}  // namespace ntstack::capture
