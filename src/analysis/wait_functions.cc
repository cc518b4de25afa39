#include "analysis/wait_functions.h"

#include "base/text.h"

namespace ntstack::analysis {
namespace {

// Public names (PDBs, exports, Windows Internals) and, of documented functions, their parameters.
// What is more telling comes first: a stack is searched for each in turn.
constexpr WaitFunction kFunctions[] = {
    {"nt", "ExpWaitForResource", WaitKind::lock, "an ERESOURCE", ObjectKind::resource, 0},
    {"nt", "ExpAcquireResource", WaitKind::lock, "an ERESOURCE", ObjectKind::resource, 0},
    {"nt", "ExpAcquireFastResource", WaitKind::lock, "a fast ERESOURCE", ObjectKind::resource, 0},
    {"nt", "ExAcquireResourceExclusiveLite", WaitKind::lock, "an ERESOURCE", ObjectKind::resource,
     0},
    {"nt", "ExAcquireResourceSharedLite", WaitKind::lock, "an ERESOURCE", ObjectKind::resource, 0},
    {"nt", "ExAcquireSharedStarveExclusive", WaitKind::lock, "an ERESOURCE", ObjectKind::resource,
     0},
    {"nt", "ExAcquireSharedWaitForExclusive", WaitKind::lock, "an ERESOURCE", ObjectKind::resource,
     0},
    {"nt", "ExpAcquireFastMutexContended", WaitKind::lock, "a fast mutex", ObjectKind::fast_mutex,
     0, Convention::fastcall},
    {"nt", "KiAcquireFastMutex", WaitKind::lock, "a fast mutex", ObjectKind::fast_mutex, 0,
     Convention::fastcall},
    {"nt", "ExAcquireFastMutex", WaitKind::lock, "a fast mutex", ObjectKind::fast_mutex, 0,
     Convention::fastcall},
    {"nt", "KeAcquireGuardedMutex", WaitKind::lock, "a guarded mutex", ObjectKind::guarded_mutex, 0,
     Convention::fastcall},
    {"nt", "KiAcquireGuardedMutex", WaitKind::lock, "a guarded mutex", ObjectKind::guarded_mutex, 0,
     Convention::fastcall},
    {"nt", "ExfAcquirePushLock", WaitKind::lock, "a push lock", ObjectKind::push_lock, 0,
     Convention::fastcall},
    {"nt", "ExAcquirePushLock", WaitKind::lock, "a push lock", ObjectKind::push_lock, 0,
     Convention::fastcall},
    {"nt", "ExBlockOnAddressPushLock", WaitKind::lock, "a push lock on an address",
     ObjectKind::push_lock, 0},
    {"nt", "ExfWaitForRundownProtectionRelease", WaitKind::lock,
     "rundown protection to be released", ObjectKind::rundown, 0, Convention::fastcall},
    {"nt", "ExWaitForRundownProtectionRelease", WaitKind::lock, "rundown protection to be released",
     ObjectKind::rundown, 0, Convention::fastcall},
    {"nt", "KeAcquireInStackQueuedSpinLock", WaitKind::lock, "a spin lock", ObjectKind::spin_lock,
     0, Convention::fastcall},
    {"nt", "KxWaitForLockOwnerShip", WaitKind::lock, "a spin lock", ObjectKind::spin_lock},
    {"nt", "KeAcquireSpinLock", WaitKind::lock, "a spin lock", ObjectKind::spin_lock, 0,
     Convention::fastcall},
    {"nt", "CmpLockRegistry", WaitKind::lock, "the registry's lock"},
    {"ntdll", "RtlpWaitOnCriticalSection", WaitKind::lock, "a critical section",
     ObjectKind::critical_section, 0},
    {"ntdll", "RtlpEnterCriticalSection", WaitKind::lock, "a critical section",
     ObjectKind::critical_section, 0},
    {"ntdll", "RtlpWaitForCriticalSection", WaitKind::lock, "a critical section",
     ObjectKind::critical_section, 0},
    {"ntdll", "RtlEnterCriticalSection", WaitKind::lock, "a critical section",
     ObjectKind::critical_section, 0},
    {"ntdll", "RtlAcquireSRWLock", WaitKind::lock, "a slim reader/writer lock",
     ObjectKind::srw_lock, 0},
    {"ntdll", "LdrpAcquireLoaderLock", WaitKind::lock, "the loader's lock"},
    {"ntdll", "LdrpDrainWorkQueue", WaitKind::lock, "the loader"},
    {"rdbss", "RxWaitSync", WaitKind::reply, "an answer over SMB"},
    {"mrxsmb", "SmbCe", WaitKind::reply, "an answer over SMB"},
    {"nt", "AlpcpReceiveLegacyMessage", WaitKind::idle, "an ALPC message"},
    {"nt", "AlpcpReceiveMessage", WaitKind::idle, "an ALPC message"},
    {"nt", "AlpcpSignalAndWait", WaitKind::reply, "the reply to an ALPC message",
     ObjectKind::alpc_message},
    {"nt", "NtRequestWaitReplyPort", WaitKind::reply, "the reply to an LPC message",
     ObjectKind::alpc_message},
    {"nt", "LpcRequestWaitReply", WaitKind::reply, "the reply to an LPC message",
     ObjectKind::alpc_message},
    {"nt", "MiWaitForInPageComplete", WaitKind::io, "a page to be read in"},
    {"nt", "MiIssueHardFault", WaitKind::io, "a page to be read in"},
    {"nt", "CcWaitForCurrentLazyWriterActivity", WaitKind::io, "the lazy writer"},
    {"nt", "CcCanIWrite", WaitKind::io, "modified pages to be written"},
    {"nt", "CcFlushCache", WaitKind::io, "the cache to be flushed"},
    {"fltmgr", "FltpSendMessage", WaitKind::reply, "a filter's user-mode part"},
    {"fltmgr", "FltSendMessage", WaitKind::reply, "a filter's user-mode part"},
    {"nt", "IopSynchronousServiceTail", WaitKind::io, "its I/O request", ObjectKind::irp, 1},
    {"nt", "IopWaitForSynchronousIo", WaitKind::io, "its I/O request", ObjectKind::irp},
    {"nt", "IopWaitAndAcquireFileObjectLock", WaitKind::lock, "a file object's lock",
     ObjectKind::file_lock, 0},
    {"nt", "IopAcquireFileObjectLock", WaitKind::lock, "a file object's lock",
     ObjectKind::file_lock, 0},
    {"nt", "IopCancelIrpsInThreadList", WaitKind::io, "I/O to be cancelled"},
    {"nt", "IoCancelThreadIo", WaitKind::io, "I/O to be cancelled"},
    {"nt", "PopIssueActionRequest", WaitKind::io, "a power action"},
    {"nt", "PnpDeviceActionWorker", WaitKind::io, "a Plug and Play action"},
    {"nt", "NtWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"nt", "KeRemovePriQueue", WaitKind::idle, "work (a system worker)", ObjectKind::dispatcher, 0},
    {"nt", "NtRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"nt", "IoRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"nt", "KeRemoveQueue", WaitKind::idle, "work (a queue)", ObjectKind::dispatcher, 0},
    {"nt", "KeDelayExecutionThread", WaitKind::idle, "time to pass"},
    {"win32kfull", "xxxRealSleepThread", WaitKind::idle, "window messages"},
    {"win32k", "xxxRealSleepThread", WaitKind::idle, "window messages"},
    {"win32kfull", "xxxSleepThread", WaitKind::idle, "window messages"},
    {"nt", "NtWaitForAlertByThreadId", WaitKind::other, "to be woken by its process"},
    {"nt", "NtWaitForKeyedEvent", WaitKind::lock, "a keyed event (a lock of user mode)"},
    {"nt", "ObWaitForMultipleObjects", WaitKind::other, "one of several objects",
     ObjectKind::dispatcher},
    {"nt", "KeWaitForMultipleObjects", WaitKind::other, "one of several objects",
     ObjectKind::dispatcher},
    {"nt", "ObWaitForSingleObject", WaitKind::other, "an object of its process",
     ObjectKind::dispatcher},
    {"nt", "KeWaitForMutexObject", WaitKind::lock, "a mutex", ObjectKind::dispatcher, 0},
    {"nt", "KeWaitForGate", WaitKind::lock, "a gate", ObjectKind::dispatcher, 0},
    {"nt", "KeWaitForSingleObject", WaitKind::other, "an object", ObjectKind::dispatcher, 0},
    {"nt", "KeWaitForAlertByThreadId", WaitKind::other, "to be woken"},
    {"ntdll", "NtWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"ntdll", "ZwWaitForWorkViaWorkerFactory", WaitKind::idle, "work (a thread pool)"},
    {"ntdll", "NtRemoveIoCompletion", WaitKind::idle, "completed I/O"},
    {"ntdll", "NtDelayExecution", WaitKind::idle, "time to pass"},
    {"ntdll", "NtWaitForMultipleObjects", WaitKind::other, "one of several objects"},
    {"ntdll", "NtWaitForSingleObject", WaitKind::other, "an object"},
    {"ntdll", "NtAlpcSendWaitReceivePort", WaitKind::reply, "the reply to an ALPC message",
     ObjectKind::alpc_message},
    {"win32u", "NtUserGetMessage", WaitKind::idle, "window messages"},
    {"win32u", "NtUserMsgWaitForMultipleObjects", WaitKind::idle, "window messages"}};

constexpr std::uint64_t kNearExport = 0x400;

}  // namespace

std::span<const WaitFunction> wait_functions() { return kFunctions; }

bool is_in(const WaitFunction& function, const symbols::Symbol& symbol) {
  if (symbol.is_export && symbol.offset >= kNearExport) return false;
  return symbol.name.starts_with(function.begins) &&
         base::equals_ignoring_case(symbol.module, function.module);
}

std::string_view name_of(WaitKind kind) {
  switch (kind) {
    case WaitKind::idle:
      return "idle";
    case WaitKind::lock:
      return "lock";
    case WaitKind::io:
      return "io";
    case WaitKind::reply:
      return "reply";
    case WaitKind::other:
      break;
  }
  return "other";
}

std::string_view name_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::unknown:
      break;
    case ObjectKind::dispatcher:
      return "dispatcher";
    case ObjectKind::event:
      return "event";
    case ObjectKind::mutant:
      return "mutant";
    case ObjectKind::semaphore:
      return "semaphore";
    case ObjectKind::timer:
      return "timer";
    case ObjectKind::queue:
      return "queue";
    case ObjectKind::gate:
      return "gate";
    case ObjectKind::thread:
      return "thread";
    case ObjectKind::process:
      return "process";
    case ObjectKind::resource:
      return "resource";
    case ObjectKind::fast_mutex:
      return "fast_mutex";
    case ObjectKind::guarded_mutex:
      return "guarded_mutex";
    case ObjectKind::push_lock:
      return "push_lock";
    case ObjectKind::rundown:
      return "rundown";
    case ObjectKind::spin_lock:
      return "spin_lock";
    case ObjectKind::critical_section:
      return "critical_section";
    case ObjectKind::srw_lock:
      return "srw_lock";
    case ObjectKind::alpc_message:
      return "alpc_message";
    case ObjectKind::irp:
      return "irp";
    case ObjectKind::file_lock:
      return "file_lock";
  }
  return "unknown";
}

std::string_view words_of(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::unknown:
    case ObjectKind::dispatcher:
      break;
    case ObjectKind::fast_mutex:
      return "fast mutex";
    case ObjectKind::guarded_mutex:
      return "guarded mutex";
    case ObjectKind::push_lock:
      return "push lock";
    case ObjectKind::rundown:
      return "rundown protection";
    case ObjectKind::spin_lock:
      return "spin lock";
    case ObjectKind::critical_section:
      return "critical section";
    case ObjectKind::srw_lock:
      return "slim reader/writer lock";
    case ObjectKind::alpc_message:
      return "ALPC message";
    case ObjectKind::irp:
      return "IRP";
    case ObjectKind::file_lock:
      return "file object's lock";
    default:
      return name_of(kind);
  }
  return "object";
}

bool is_lock(ObjectKind kind) {
  return kind == ObjectKind::mutant ||
         (kind >= ObjectKind::resource && kind <= ObjectKind::srw_lock) ||
         kind == ObjectKind::file_lock;
}

bool is_of_user_mode(ObjectKind kind) {
  return kind == ObjectKind::critical_section || kind == ObjectKind::srw_lock;
}

}  // namespace ntstack::analysis
